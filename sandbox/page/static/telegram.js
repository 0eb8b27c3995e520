/*
 * The Telegram pane: who you are, the list of your chats, and the frame around the open conversation.
 * Owns the choice of person and chat; the conversation itself is drawn by conversation.js.
 */

import { act } from './api.js';
import { openBotFather } from './botfather.js';
import { createConversation } from './conversation.js';
import { avatar, h, icon, plural, reconcile, time } from './dom.js';
import { openGroupDialog, openNewGroupDialog } from './groupdialog.js';
import { part, redraw, watch } from './store.js';

const MEMORY = 'dealgram.telegram';

export function createTelegram(root) {
  const remembered = JSON.parse(sessionStorage.getItem(MEMORY) || '{}');
  const state = { person: remembered.person || null, open: remembered.open || {}, seen: {} };
  const people = h('div', { class: 'people', role: 'radiogroup', 'aria-label': 'От чьего имени писать' });
  const chats = h('div', { class: 'chats', role: 'list', 'aria-label': 'Чаты', 'data-testid': 'chats' });
  const head = h('header', { class: 'talk-head' });
  const conversation = createConversation({ reload: redraw });
  const newGroup = h(
    'button',
    { type: 'button', class: 'tool', title: 'Новая группа', 'aria-label': 'Новая группа', 'data-testid': 'new-group' },
    icon('plus'),
  );
  const botFather = h(
    'button',
    {
      type: 'button',
      class: 'tool',
      title: '@BotFather: боты и их токены',
      'aria-label': '@BotFather: боты и их токены',
      'aria-haspopup': 'dialog',
      'data-testid': 'botfather-open',
      onclick: openBotFather,
    },
    icon('bot'),
  );
  newGroup.addEventListener('click', () => openNewGroupDialog(part('telegram'), state.person, openChat));

  root.append(
    h(
      'header',
      { class: 'pane-head' },
      h('span', { class: 'pane-mark' }, icon('send')),
      h('h2', null, 'Telegram'),
      people,
    ),
    h(
      'div',
      { class: 'tg-body' },
      h('div', { class: 'tg-side' }, h('div', { class: 'tg-side-head' }, h('span', null, 'Чаты'), h('span', { class: 'grow' }), botFather, newGroup), chats),
      h('div', { class: 'talk' }, head, ...conversation.elements),
    ),
  );

  function remember() {
    sessionStorage.setItem(MEMORY, JSON.stringify({ person: state.person, open: state.open }));
  }

  function choosePerson(id) {
    state.person = id;
    remember();
    redraw();
  }

  function openChat(key) {
    state.open[state.person] = key;
    remember();
    redraw();
    conversation.focus();
  }

  function unread(chat) {
    const mark = `${state.person}/${chat.key}`;
    if (!(mark in state.seen)) state.seen[mark] = chat.last ? chat.last.id : 0;
    return chat.last && !chat.last.service && chat.last.from_id !== state.person && chat.last.id > state.seen[mark];
  }

  function draw() {
    const world = part('telegram');
    if (!world) return;
    if (!world.people.some((person) => person.id === state.person)) state.person = world.people[0]?.id ?? null;
    drawPeople(world);
    const mine = world.chats.filter((chat) => chat.readers.includes(state.person));
    const wanted = state.open[state.person];
    let open = mine.find((chat) => chat.key === wanted || (chat.was && chat.was === wanted));
    if (!open) open = mine.find((chat) => chat.group) || mine[0];
    if (open && open.last) state.seen[`${state.person}/${open.key}`] = open.last.id;
    drawChats(mine, open);
    drawHead(world, open);
    conversation.draw(world, state.person, open || null);
  }

  function drawPeople(world) {
    reconcile(
      people,
      world.people,
      (person) => person.id,
      (person) => `${person.name}/${person.id === state.person}`,
      (person) =>
        h(
          'button',
          {
            type: 'button',
            class: 'person',
            role: 'radio',
            'aria-checked': String(person.id === state.person),
            title: person.username ? `${person.name}, @${person.username}` : person.name,
            tabindex: person.id === state.person ? '0' : '-1',
            'data-focus': `person-${person.id}`,
            'data-testid': `person-${person.id}`,
            'data-name': person.name,
            onclick: () => choosePerson(person.id),
          },
          avatar(person.name),
          h('span', { class: 'person-name' }, person.first_name),
        ),
    );
  }

  people.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = part('telegram').people;
    const at = all.findIndex((person) => person.id === state.person);
    choosePerson(all[(at + step + all.length) % all.length].id);
    people.querySelector('[aria-checked="true"]').focus();
  });

  function drawChats(mine, open) {
    reconcile(
      chats,
      mine,
      (chat) => chat.key,
      (chat) => JSON.stringify([chat, chat === open, unread(chat), state.person]),
      (chat) => {
        const last = chat.last;
        const who = last && !last.service && chat.group ? `${last.from_id === state.person ? 'Вы' : last.from}: ` : '';
        return h(
          'div',
          { role: 'listitem' },
          h(
            'button',
            {
              type: 'button',
              class: 'chat',
              'aria-current': chat === open ? 'true' : null,
              title: chat.title,
              'data-focus': `chat-${chat.key}`,
              'data-testid': `chat-${chat.key}`,
              'data-title': chat.title,
              onclick: () => openChat(chat.key),
            },
            avatar(chat.title, chat.group ? 'of-group' : 'of-bot'),
            h(
              'span',
              { class: 'chat-text' },
              h(
                'span',
                { class: 'chat-top' },
                h('span', { class: 'chat-title' }, chat.title),
                h('time', null, last ? time(last.date) : ''),
              ),
              h('span', { class: 'chat-last' }, last ? who + last.text : chat.group ? 'Пока пусто' : 'Напишите боту'),
            ),
            unread(chat) ? h('span', { class: 'unread', 'aria-label': 'есть новые' }) : null,
          ),
        );
      },
    );
  }

  function drawHead(world, chat) {
    const signature = JSON.stringify([chat, world.groups, state.person]);
    if (head.signature === signature) return;
    head.signature = signature;
    if (!chat) {
      head.replaceChildren(h('div', { class: 'talk-title' }, h('strong', null, 'Нет чатов')));
      return;
    }
    const group = chat.group ? world.groups.find((one) => one.id === chat.group) : null;
    const present = group ? group.members : [];
    const subtitle = group
      ? `${group.kind === 'supergroup' ? 'супергруппа' : 'группа'}, ${plural(present.length, 'участник', 'участника', 'участников')}`
      : `@${chat.username} · бот`;
    head.replaceChildren(
      avatar(chat.title, chat.group ? 'of-group' : 'of-bot'),
      h(
        'div',
        { class: 'talk-title' },
        h('strong', { 'data-testid': 'chat-title' }, chat.title),
        h('span', null, subtitle),
      ),
      group
        ? h(
            'button',
            {
              type: 'button',
              class: 'tool with-text',
              'data-testid': 'manage-group',
              onclick: () => openGroupDialog(() => part('telegram'), group.id, state.person),
            },
            icon('people'),
            'Участники',
          )
        : blockButton(chat),
    );
  }

  function blockButton(chat) {
    const blocked = chat.blocked;
    return h(
      'button',
      {
        type: 'button',
        class: 'tool',
        title: blocked ? 'Разблокировать бота' : 'Заблокировать бота',
        'aria-label': blocked ? 'Разблокировать бота' : 'Заблокировать бота',
        'aria-pressed': String(Boolean(blocked)),
        'data-testid': 'block-bot',
        onclick: () => act('telegram/block', { person: state.person, bot: chat.bot, blocked: !blocked }),
      },
      icon('ban'),
    );
  }

  watch((changed) => {
    if (changed('telegram') || changed('chat:')) draw();
  });
}
