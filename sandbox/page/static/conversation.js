/*
 * One open Telegram conversation: bubbles, inline keyboards, the answer to a pressed button, and the line to write in.
 * Messages come from the part `chat:<key>`; what is written, answered to and pressed goes out through api.js.
 */

import { act } from './api.js';
import { bubble, service } from './bubble.js';
import { day, fitHeight, h, icon, keepAtEnd, reconcile } from './dom.js';
import { part } from './store.js';
import { toast } from './toast.js';

export function createConversation({ reload }) {
  const list = h('div', {
    class: 'messages',
    role: 'log',
    'aria-live': 'polite',
    'aria-label': 'Сообщения',
    tabindex: '0',
    'data-testid': 'messages',
  });
  const items = h('div', { class: 'messages-in' });
  const empty = h('p', { class: 'talk-empty' }, 'Сообщений пока нет. Напишите первое.');
  list.append(empty, items);
  const toEnd = keepAtEnd(list, items);
  const replyBar = h('div', { class: 'reply-bar', hidden: true, 'data-testid': 'reply-bar' });
  const input = h('textarea', {
    class: 'write',
    rows: '1',
    'aria-label': 'Сообщение',
    placeholder: 'Сообщение',
    maxlength: '4096',
    'data-testid': 'telegram-input',
  });
  const menu = h(
    'button',
    {
      type: 'button',
      class: 'tool',
      title: 'Написать /menu',
      'aria-label': 'Написать команду menu',
      'data-testid': 'menu-command',
    },
    icon('slash'),
  );
  const sendButton = h(
    'button',
    {
      type: 'submit',
      class: 'send',
      'aria-label': 'Отправить',
      title: 'Отправить (Enter)',
      'data-testid': 'telegram-send',
    },
    icon('send'),
  );
  const form = h('form', { class: 'composer' }, menu, input, sendButton);

  const state = { person: null, chat: null, replies: {}, drafts: {}, forced: {}, pressed: new Map(), world: null };
  const mark = () => `${state.person}/${state.chat ? state.chat.key : ''}`;

  function grow() {
    fitHeight(input);
    sendButton.disabled = !input.value.trim();
  }

  function setReply(id) {
    if (id === null) delete state.replies[mark()];
    else state.replies[mark()] = id;
    reload();
    if (id !== null) input.focus();
  }

  async function send(text) {
    const chat = state.chat;
    if (!chat || !text.trim()) return false;
    const reply = state.replies[mark()] ?? null;
    const answer = await act('telegram/write', { person: state.person, chat: chat.key, text, reply_to: reply });
    if (answer && reply !== null) setReply(null);
    return Boolean(answer);
  }

  async function submit() {
    const text = input.value;
    const from = mark();
    if (!text.trim()) return;
    input.value = '';
    grow();
    if (!(await send(text)) && mark() === from && !input.value) {
      input.value = text;
      grow();
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  input.addEventListener('input', () => {
    state.drafts[mark()] = input.value;
    grow();
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    }
    if (event.key === 'Escape' && mark() in state.replies) setReply(null);
  });
  menu.addEventListener('click', () => send(state.chat && state.chat.menu ? state.chat.menu : '/menu'));

  async function press(message, button, element) {
    element.setAttribute('aria-busy', 'true');
    element.disabled = true;
    const answer = await act('telegram/press', {
      person: state.person,
      chat: state.chat.key,
      message: message.id,
      data: button.data,
    });
    const release = () => {
      element.removeAttribute('aria-busy');
      element.disabled = false;
    };
    if (!answer) {
      release();
      return;
    }
    state.pressed.set(String(answer.callback), element);
    setTimeout(release, 4000);
    // A quick bot's answer can be drawn before the page learns the number of its own press.
    answers(state.world);
  }

  function answers(world) {
    for (const answer of world.answers) {
      const element = state.pressed.get(String(answer.id));
      if (!element) continue;
      state.pressed.delete(String(answer.id));
      element.removeAttribute('aria-busy');
      element.disabled = false;
      if (answer.text) toast(answer.text, 'telegram');
    }
  }

  /** A message that asks for an answer opens the reply line by itself, as Telegram does. */
  function askForReply(messages) {
    const last = messages[messages.length - 1];
    if (!last || !last.force_reply || state.forced[mark()] === last.id) return;
    if (last.force_reply.for && !last.force_reply.for.includes(state.person)) return;
    state.forced[mark()] = last.id;
    state.replies[mark()] = last.id;
  }

  function draw(world, person, chat) {
    const before = mark();
    if (state.chat) state.drafts[before] = input.value;
    state.person = person;
    state.chat = chat;
    state.world = world;
    const switched = before !== mark();
    const messages = (chat && part(`chat:${chat.key}`)?.messages) || [];
    answers(world);
    askForReply(messages);
    const rows = arrange(messages);
    reconcile(
      items,
      rows,
      (row) => row.key,
      (row) => JSON.stringify([row, person, state.replies[mark()] === row.message?.id]),
      (row) =>
        row.day
          ? h('div', { class: 'day' }, h('span', null, row.day))
          : row.message.service
            ? service(row.message)
            : bubble(row, {
                person,
                group: Boolean(chat.group),
                chosen: !row.message.old && state.replies[mark()] === row.message.id,
                reply: () => setReply(row.message.id),
                send,
                press,
                reveal,
              }),
    );
    empty.hidden = rows.length > 0;
    const last = rows[rows.length - 1];
    if (switched || (last && last.message.from.id === person && state.last !== last.key)) toEnd();
    state.last = last ? last.key : null;
    form.hidden = !chat;
    menu.hidden = !chat || !chat.menu;
    drawReply(messages);
    if (switched) {
      input.value = state.drafts[mark()] || '';
      grow();
    }
  }

  /** Splits by day and tells which bubble starts and which ends a run of one sender. */
  function arrange(messages) {
    const rows = [];
    let shown = '';
    messages.forEach((message, index) => {
      const date = day(message.date);
      if (date !== shown) rows.push({ key: `day-${date}`, day: date });
      const before = messages[index - 1];
      const after = messages[index + 1];
      const same = (other) => other && !other.service && other.from.id === message.from.id && day(other.date) === date;
      rows.push({
        key: message.old ? `old-${message.id}` : message.id,
        message,
        first: shown !== date || !same(before),
        last: !same(after),
      });
      shown = date;
    });
    return rows;
  }

  function reveal(id) {
    const target = items.querySelector(`[data-message="${Number(id)}"]`);
    if (!target) return;
    target.scrollIntoView({ block: 'center', behavior: 'smooth' });
    target.classList.remove('flash');
    requestAnimationFrame(() => target.classList.add('flash'));
  }

  function drawReply(messages) {
    const message = messages.find((one) => !one.old && one.id === state.replies[mark()]);
    replyBar.hidden = !message;
    input.placeholder = (message && message.force_reply && message.force_reply.placeholder) || 'Сообщение';
    if (!message) {
      delete state.replies[mark()];
      return;
    }
    replyBar.replaceChildren(
      icon('reply'),
      h(
        'div',
        { class: 'reply-text' },
        h('strong', null, message.force_reply ? `${message.from.name} ждёт ответа` : message.from.name),
        h('span', null, message.text || message.kind),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'plain',
          'aria-label': 'Не отвечать',
          'data-testid': 'reply-cancel',
          onclick: () => setReply(null),
        },
        icon('close'),
      ),
    );
  }

  return { elements: [list, replyBar, form], draw, focus: () => input.focus() };
}
