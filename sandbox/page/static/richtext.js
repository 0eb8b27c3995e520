/*
 * Text with links, as nodes and never as markup. Telegram's entities count UTF-16 units, as JavaScript strings do.
 * A link to a deal (…/leads/detail/<id>) opens that deal in the amoCRM pane instead of leaving the page.
 */

import { h } from './dom.js';

const URL_PATTERN = /https?:\/\/[^\s<>"«»]+[^\s<>"«».,;:!?)\]]/g;
const DEAL_PATTERN = /\/leads\/detail\/(\d+)/;
const TAGS = { bold: 'b', italic: 'i', underline: 'u', strikethrough: 's', code: 'code', pre: 'code', blockquote: 'q' };

let openDeal = () => false;

/** `open(dealId)` answers whether the deal exists and is shown now. */
export function onDealLink(open) {
  openDeal = open;
}

export function link(address, text) {
  let safe = null;
  try {
    safe = new URL(address);
  } catch {
    return document.createTextNode(text);
  }
  if (!['http:', 'https:', 'tg:', 'mailto:'].includes(safe.protocol)) return document.createTextNode(text);
  const deal = DEAL_PATTERN.exec(safe.pathname);
  return h(
    'a',
    {
      href: safe.href,
      target: '_blank',
      rel: 'noopener noreferrer',
      'data-testid': deal ? 'deal-link' : 'link',
      'data-deal': deal ? deal[1] : null,
      onclick: (event) => {
        event.stopPropagation();
        if (deal && openDeal(Number(deal[1]))) event.preventDefault();
      },
    },
    text,
  );
}

/** Plain text in which addresses become links. */
export function linkified(text) {
  const nodes = [];
  let at = 0;
  for (const found of text.matchAll(URL_PATTERN)) {
    if (found.index > at) nodes.push(text.slice(at, found.index));
    nodes.push(link(found[0], found[0]));
    at = found.index + found[0].length;
  }
  if (at < text.length) nodes.push(text.slice(at));
  return nodes;
}

/** Telegram text with its entities. Overlapping ones are nested, as Telegram promises they may be. */
export function formatted(text, entities, onCommand) {
  const usable = (entities || []).filter((entity) => entity.length > 0);
  return between(text, 0, text.length, usable, onCommand);
}

function between(text, from, to, entities, onCommand) {
  const nodes = [];
  let at = from;
  const rest = [...entities].sort((a, b) => a.offset - b.offset || b.length - a.length);
  while (rest.length) {
    const entity = rest.shift();
    const end = Math.min(entity.offset + entity.length, to);
    if (entity.offset < at || entity.offset >= to) continue;
    if (entity.offset > at) nodes.push(...linkified(text.slice(at, entity.offset)));
    const inner = rest.filter((other) => other.offset < end && other.offset + other.length <= end);
    nodes.push(marked(entity, text, end, inner, onCommand));
    at = end;
  }
  if (at < to) nodes.push(...linkified(text.slice(at, to)));
  return nodes;
}

function marked(entity, text, end, inner, onCommand) {
  const raw = text.slice(entity.offset, end);
  if (entity.type === 'text_link') return link(entity.url, raw);
  if (entity.type === 'url') return link(/^\w+:/.test(raw) ? raw : `https://${raw}`, raw);
  if (entity.type === 'email') return link(`mailto:${raw}`, raw);
  if (entity.type === 'bot_command' && onCommand) {
    const use = (event) => {
      event.stopPropagation();
      onCommand(raw);
    };
    return h('button', { type: 'button', class: 'tg-command', onclick: use, 'data-testid': 'command' }, raw);
  }
  if (entity.type === 'mention' || entity.type === 'text_mention') return h('span', { class: 'tg-mention' }, raw);
  const tag = TAGS[entity.type];
  if (!tag) return document.createTextNode(raw);
  return h(tag, null, between(text, entity.offset, end, inner, onCommand));
}
