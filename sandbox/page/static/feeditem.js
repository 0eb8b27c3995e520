/* One line of a deal's feed: a message with its author, conversation and delivery status, or a note. */

import { avatar, h, icon, time } from './dom.js';
import { media } from './media.js';
import { chips, picker } from './reactions.js';
import { linkified } from './richtext.js';

const STATUS = {
  sent: ['check', 'отправлено'],
  delivered: ['checks', 'доставлено'],
  read: ['checks', 'прочитано'],
  error: ['alert', 'не доставлено'],
  pending: ['clock', 'отправляется'],
};

/** `answerTo(item)` is called when somebody wants to answer this message, `react(item, emoji)` for a reaction of `user`. */
export function feedItem(item, { answerTo, react, user }) {
  if (item.role === 'note') {
    return h(
      'div',
      { class: 'feed-note', 'data-testid': 'feed-note' },
      icon('note'),
      h(
        'div',
        null,
        h('span', { class: 'muted' }, item.author, ' · ', time(item.at)),
        h('p', null, linkified(item.text)),
      ),
    );
  }
  const [sign, label] = STATUS[item.status] || [];
  return h(
    'div',
    {
      class: `feed-item ${item.role}${item.status === 'error' ? ' failed' : ''}`,
      'data-testid': 'feed-item',
      'data-role': item.role,
      'data-author': item.author,
      'data-status': item.status || null,
      'data-conversation': item.conversation_id || null,
    },
    avatar(item.author, item.role === 'manager' ? 'of-manager' : item.role === 'bot' ? 'of-bot' : ''),
    h(
      'div',
      { class: 'feed-box' },
      h(
        'div',
        { class: 'feed-line' },
        h('strong', null, item.author),
        item.conversation
          ? h(
              'span',
              { class: 'feed-chat', title: item.conversation },
              item.role === 'client' ? item.conversation : `→ ${item.conversation}`,
            )
          : null,
      ),
      item.reply
        ? h('div', { class: 'quote' }, h('strong', null, item.reply.author), h('span', null, item.reply.text))
        : null,
      item.forwarded ? h('div', { class: 'bubble-forwarded' }, `Переслано от: ${item.forwarded}`) : null,
      item.media ? media(item.media) : item.kind ? h('span', { class: 'bubble-kind' }, item.kind) : null,
      item.about ? h('span', { class: 'bubble-about' }, item.about) : null,
      item.text || !(item.media || item.kind)
        ? h('div', { class: 'feed-text', 'data-testid': 'feed-text' }, linkified(item.text))
        : null,
      chips(grouped(item.reactions), {
        title: (one) => one.names.join(', '),
        mine: (one) => one.names.includes(user),
        choose: (emoji) => react(item, emoji),
        focus: item.id,
      }),
      item.error ? h('div', { class: 'feed-error', 'data-testid': 'feed-error' }, item.error) : null,
      h(
        'div',
        { class: 'feed-meta' },
        item.chat && item.role !== 'bot'
          ? h(
              'button',
              {
                type: 'button',
                class: 'feed-reply',
                'data-focus': `feed-reply-${item.id}`,
                'data-testid': 'feed-reply',
                onclick: () => answerTo(item),
              },
              'Ответить',
            )
          : null,
        item.chat ? picker((emoji) => react(item, emoji), item.id) : null,
        item.edited ? h('span', { class: 'muted', 'data-testid': 'feed-edited' }, 'изменено') : null,
        h('time', null, time(item.at)),
        sign
          ? h(
              'span',
              { class: `status status-${item.status}`, title: label, role: 'img', 'aria-label': label },
              icon(sign),
            )
          : null,
      ),
    ),
  );
}

function grouped(reactions) {
  const found = new Map();
  for (const one of reactions) found.set(one.emoji, [...(found.get(one.emoji) || []), one.name]);
  return [...found].map(([emoji, names]) => ({ emoji, names, count: names.length }));
}
