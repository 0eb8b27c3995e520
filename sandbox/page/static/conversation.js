/*
 * One open Telegram conversation: bubbles, inline keyboards, the answer to a pressed button, and the line to write in.
 * Messages come from the part `chat:<key>`; what is written, answered to and pressed goes out through api.js.
 */

import { act } from './api.js';
import { createAttachments } from './attach.js';
import { bubble, service } from './bubble.js';
import { day, fillSelect, fitHeight, h, icon, keepAtEnd, reconcile } from './dom.js';
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
  const attachments = createAttachments({
    testid: 'telegram',
    samples: [
      ['photo', 'Фото'],
      [['photo', 'photo', 'photo'], 'Альбом: три фото'],
      ['video', 'Видео'],
      ['document', 'Файл'],
      ['audio', 'Аудиозапись'],
      ['big', 'Большой файл (25 МБ)'],
    ],
    others: [
      ['voice', 'Голосовое сообщение'],
      ['video_note', 'Видеосообщение'],
      ['sticker', 'Стикер'],
      ['location', 'Геопозиция'],
      ['live', 'Трансляция геопозиции'],
      ['venue', 'Место'],
      ['contact', 'Контакт'],
      ['poll', 'Опрос'],
    ],
    onOther: (name) => sendOther(name),
    onChange: () => grow(),
  });
  const topics = h('select', {
    class: 'field bare topics',
    hidden: true,
    'aria-label': 'В какую тему писать',
    'data-testid': 'topic-select',
  });
  const typing = h('div', { class: 'typing', hidden: true, 'data-testid': 'typing' }, 'Бот печатает…');
  const form = h('form', { class: 'composer' }, attachments.element, menu, input, sendButton);

  const state = {
    person: null,
    chat: null,
    replies: {},
    edits: {},
    drafts: {},
    forced: {},
    topics: {},
    acted: {},
    pressed: new Map(),
    world: null,
  };
  const mark = () => `${state.person}/${state.chat ? state.chat.key : ''}`;

  function grow() {
    fitHeight(input);
    sendButton.disabled = !input.value.trim() && !attachments.files().length;
  }

  function setReply(id) {
    delete state.edits[mark()];
    if (id === null) delete state.replies[mark()];
    else state.replies[mark()] = id;
    reload();
    if (id !== null) input.focus();
  }

  function setEdit(message) {
    delete state.replies[mark()];
    if (message === null) {
      delete state.edits[mark()];
      input.value = '';
    } else {
      state.edits[mark()] = message.id;
      input.value = message.text;
    }
    grow();
    reload();
    if (message !== null) input.focus();
  }

  const thread = () => (topics.value ? Number(topics.value) : null);

  async function send(text, files = []) {
    const chat = state.chat;
    if (!chat || (!text.trim() && !files.length)) return false;
    const about = { person: state.person, chat: chat.key };
    const editing = state.edits[mark()] ?? null;
    if (editing !== null) {
      const changed = await act('telegram/edit', { ...about, message: editing, text });
      if (changed) setEdit(null);
      return Boolean(changed);
    }
    const reply = state.replies[mark()] ?? null;
    const where = { ...about, reply_to: reply, thread: reply === null ? thread() : null };
    const answer = files.length
      ? await act('telegram/send', { ...where, caption: text, files })
      : await act('telegram/write', { ...where, text });
    if (answer && reply !== null) setReply(null);
    return Boolean(answer);
  }

  async function sendOther(name) {
    const about = { person: state.person, chat: state.chat.key, thread: thread() };
    if (['voice', 'video_note', 'sticker'].includes(name))
      await act('telegram/send', { ...about, files: [{ sample: name }] });
    else await act('telegram/simple', { ...about, what: name });
  }

  async function submit() {
    const text = input.value;
    const from = mark();
    const files = attachments.files();
    if (!text.trim() && !files.length) return;
    const taken = attachments.take();
    input.value = '';
    grow();
    if (!(await send(text, files)) && mark() === from && !input.value) {
      input.value = text;
      attachments.put(taken);
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
    if (event.key !== 'Escape') return;
    if (mark() in state.edits) setEdit(null);
    else if (mark() in state.replies) setReply(null);
  });
  topics.addEventListener('change', () => {
    state.topics[mark()] = topics.value;
  });

  const react = (message) => (emoji) =>
    act('telegram/react', { person: state.person, chat: state.chat.key, message: message.id, emoji });
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
    const topicNames = Object.fromEntries(((chat && chat.topics) || []).map((one) => [one.id, one.name]));
    const names = Object.fromEntries([...world.people, ...world.bots].map((one) => [one.id, one.name]));
    const isChosen = (message) =>
      !message.old && (state.replies[mark()] === message.id || state.edits[mark()] === message.id);
    reconcile(
      items,
      rows,
      (row) => row.key,
      (row) => JSON.stringify([row, person, row.message && isChosen(row.message), topicNames[row.message?.thread]]),
      (row) =>
        row.day
          ? h('div', { class: 'day' }, h('span', null, row.day))
          : row.message.service
            ? service(row.message)
            : bubble(row, {
                person,
                group: Boolean(chat.group),
                chosen: isChosen(row.message),
                topic: row.message.thread ? topicNames[row.message.thread] : null,
                names,
                reply: () => setReply(row.message.id),
                edit: () => setEdit(row.message),
                react: react(row.message),
                send,
                press,
                reveal,
              }),
    );
    empty.hidden = rows.length > 0;
    const last = rows[rows.length - 1];
    if (switched || (last && last.message.from.id === person && state.last !== last.key)) toEnd();
    const shownLast = state.last;
    state.last = last ? last.key : null;
    form.hidden = !chat;
    menu.hidden = !chat || !chat.menu;
    drawTopics(chat);
    drawTyping(chat, switched || (last && last.key !== shownLast && last.message?.from.bot));
    drawReply(messages);
    if (switched) {
      input.value = state.drafts[mark()] || '';
      grow();
    }
  }

  function drawTopics(chat) {
    const known = (chat && chat.topics) || [];
    topics.hidden = !known.length;
    fillSelect(
      topics,
      known.map((one) => [one.id ?? '', one.name]),
      state.topics[mark()] ?? '',
    );
  }

  /** «Печатает…» stands for five seconds after the bot said so, or until it has written (`ended`), as in Telegram. */
  function drawTyping(chat, ended) {
    if (!chat) return;
    const before = state.acted[chat.key];
    state.acted[chat.key] = chat.acted;
    if (ended) typing.hidden = true;
    if (ended || before === undefined || before === chat.acted) return;
    typing.hidden = false;
    clearTimeout(state.typingEnd);
    state.typingEnd = setTimeout(() => {
      typing.hidden = true;
    }, 5000);
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
    const editing = state.edits[mark()] ?? null;
    const wanted = editing ?? state.replies[mark()];
    const message = messages.find((one) => !one.old && one.id === wanted);
    replyBar.hidden = !message;
    input.placeholder = (message && message.force_reply && message.force_reply.placeholder) || 'Сообщение';
    if (!message) {
      delete state.replies[mark()];
      delete state.edits[mark()];
      return;
    }
    replyBar.replaceChildren(
      icon(editing === null ? 'reply' : 'pencil'),
      h(
        'div',
        { class: 'reply-text' },
        h('strong', null, replyTitle(message, editing !== null)),
        h('span', null, message.text || message.kind),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'plain',
          'aria-label': editing === null ? 'Не отвечать' : 'Не менять',
          'data-testid': 'reply-cancel',
          onclick: () => (editing === null ? setReply(null) : setEdit(null)),
        },
        icon('close'),
      ),
    );
  }

  return { elements: [list, typing, replyBar, attachments.tray, topics, form], draw, focus: () => input.focus() };
}

function replyTitle(message, editing) {
  if (editing) return 'Изменить сообщение';
  return message.force_reply ? `${message.from.name} ждёт ответа` : message.from.name;
}
