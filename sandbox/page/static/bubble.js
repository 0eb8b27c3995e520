/* One Telegram message as a bubble or a line in the middle. Draws only; what happens on a press is the caller's. */

import { avatar, h, hue, icon, time } from './dom.js';
import { media } from './media.js';
import { chips, picker } from './reactions.js';
import { formatted, linkified } from './richtext.js';

/** A line in the middle: somebody came, left, renamed the group. */
export const service = (message) =>
  h('div', { class: 'service', 'data-testid': 'service-message' }, h('span', null, message.text));

/**
 * A bubble with its keyboard. `first` and `last` say where it stands in a run of one sender; `look` is how it is seen
 * (`person`, `group`, `chosen`, `topic` name, `names` of people) and what can be done with it (`reply`, `edit`, `react`,
 * `send` a command, `press` a button, `reveal`).
 */
export function bubble({ message, first, last }, look) {
  const { person, group, chosen, topic, reply, edit, react, send, press, reveal } = look;
  const own = message.from.id === person;
  const body = h(
    'div',
    {
      class: 'bubble',
      onclick: (event) => {
        if (!message.old && !event.target.closest('a, button, audio, video') && String(window.getSelection()) === '') reply();
      },
    },
    group && !own && first
      ? h(
          'span',
          { class: `bubble-from hue-text-${hue(message.from.name)}` },
          message.from.name,
          message.from.bot ? h('i', null, 'бот') : null,
        )
      : null,
    topic ? h('span', { class: 'bubble-topic', 'data-testid': 'message-topic' }, topic) : null,
    message.forwarded ? h('span', { class: 'bubble-forwarded' }, `Переслано от: ${message.forwarded}`) : null,
    message.reply
      ? h(
          'button',
          { type: 'button', class: 'quote', disabled: message.reply.id === null, onclick: () => reveal(message.reply.id) },
          h('strong', null, message.reply.name),
          h('span', null, message.reply.text),
        )
      : null,
    message.media ? media(message.media) : message.kind ? h('span', { class: 'bubble-kind' }, message.kind) : null,
    message.about ? h('span', { class: 'bubble-about' }, message.about) : null,
    h(
      'span',
      { class: 'bubble-text', 'data-testid': 'message-text' },
      formatted(message.text, message.entities, (command) => send(command)),
    ),
    h('span', { class: 'bubble-meta' }, message.edited ? 'изменено ' : '', h('time', null, time(message.date))),
    message.old
      ? null
      : h(
          'span',
          { class: 'bubble-tools' },
          tool('reply', 'Ответить', `Ответить на сообщение: ${message.from.name}`, 'reply', message.id, reply),
          own && (message.text || message.media)
            ? tool('pencil', 'Изменить', 'Изменить своё сообщение', 'edit', message.id, edit)
            : null,
          picker(react, message.id),
        ),
  );
  return h(
    'div',
    {
      class: `message ${own ? 'own' : 'other'}${message.album ? ' of-album' : ''}${first ? ' first' : ''}${last ? ' last' : ''}${chosen ? ' chosen' : ''}`,
      'data-testid': 'message',
      'data-message': message.old ? null : message.id,
      'data-from': message.from.name,
      'data-own': String(own),
    },
    group && !own ? (last ? avatar(message.from.name) : h('span', { class: 'avatar-room' })) : null,
    h(
      'div',
      { class: 'bubble-column' },
      body,
      chips(
        message.reactions.map((one) => ({ ...one, count: one.by.length })),
        {
          title: (one) => one.by.map((id) => look.names[id] || 'бот').join(', '),
          mine: (one) => one.by.includes(person),
          choose: react,
          focus: message.id,
        },
      ),
      message.keyboard ? keyboard(message, press) : null,
    ),
  );
}

function tool(sign, title, label, name, id, onclick) {
  return h(
    'button',
    {
      type: 'button',
      title,
      'aria-label': label,
      'data-focus': `${name}-${id}`,
      'data-testid': name,
      onclick: (event) => {
        event.stopPropagation();
        onclick();
      },
    },
    icon(sign),
  );
}

function keyboard(message, press) {
  return h(
    'div',
    { class: 'keyboard', role: 'group', 'aria-label': 'Кнопки сообщения', 'data-testid': 'keyboard' },
    message.keyboard.map((row) =>
      h(
        'div',
        { class: 'keyboard-row' },
        row.map((button) => keyboardButton(message, button, press)),
      ),
    ),
  );
}

function keyboardButton(message, button, press) {
  if (button.url) {
    const anchor = linkified(button.url)[0];
    if (anchor instanceof Element) {
      anchor.textContent = button.text;
      anchor.className = 'key';
      return anchor;
    }
  }
  const element = h(
    'button',
    {
      type: 'button',
      class: 'key',
      'data-focus': `key-${message.id}-${button.data}`,
      'data-testid': 'inline-button',
    },
    button.text,
  );
  if (button.data === null || message.old) element.disabled = true;
  else element.addEventListener('click', () => press(message, button, element));
  return element;
}
