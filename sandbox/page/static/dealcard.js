/*
 * The card of one deal: number, stage, contacts, the feed of its conversations, and the answer of a manager into the
 * conversation that the manager picks. Drawn from the part `deal:<account>:<id>`.
 */

import { act } from './api.js';
import { createAttachments } from './attach.js';
import { openDealActions } from './dealactions.js';
import { avatar, day, fillSelect, fitHeight, h, icon, keepAtEnd, reconcile } from './dom.js';
import { feedItem } from './feeditem.js';
import { part } from './store.js';
import { toast } from './toast.js';

export function createDealCard() {
  const head = h('header', { class: 'card-head' });
  const contacts = h('div', {
    class: 'contacts',
    role: 'list',
    'aria-label': 'Контакты Сделки',
    'data-testid': 'contacts',
  });
  const feed = h('div', {
    class: 'feed',
    role: 'log',
    'aria-live': 'polite',
    'aria-label': 'Лента Сделки',
    tabindex: '0',
    'data-testid': 'feed',
  });
  const items = h('div', { class: 'feed-in' });
  const empty = h('div', { class: 'feed-empty' });
  feed.append(empty, items);
  const toEnd = keepAtEnd(feed, items);
  const chats = h('select', {
    class: 'field bare',
    'aria-label': 'В какой чат ответить',
    'data-testid': 'chat-select',
  });
  const managers = h('select', { class: 'field bare', 'aria-label': 'Кто отвечает', 'data-testid': 'manager-select' });
  const input = h('textarea', {
    class: 'write',
    rows: '1',
    maxlength: '20000',
    placeholder: 'Ответить клиенту',
    'aria-label': 'Ответ клиенту',
    'data-testid': 'amo-input',
  });
  const sendButton = h(
    'button',
    { type: 'submit', class: 'button primary small', 'data-testid': 'amo-send' },
    'Отправить',
  );
  const replyBar = h('div', { class: 'reply-bar', hidden: true, 'data-testid': 'amo-reply-bar' });
  const attachments = createAttachments({
    testid: 'amo',
    samples: [
      ['photo', 'Фото'],
      [['photo', 'photo', 'photo'], 'Альбом: три фото'],
      ['video', 'Видео'],
      ['voice', 'Голосовое сообщение'],
      ['audio', 'Аудиозапись'],
      ['sticker', 'Стикер'],
      ['document', 'Файл'],
    ],
    onChange: () => grow(),
  });
  const form = h(
    'form',
    { class: 'amo-composer' },
    h(
      'div',
      { class: 'amo-route' },
      h('label', null, h('span', null, 'Чат с'), chats),
      h('label', null, h('span', null, 'от'), managers),
    ),
    replyBar,
    attachments.tray,
    h('div', { class: 'amo-write' }, attachments.element, input, sendButton),
  );
  const element = h(
    'article',
    { class: 'card', 'aria-label': 'Карточка Сделки', 'data-testid': 'deal-card' },
    head,
    contacts,
    feed,
    form,
  );
  const state = { account: null, deal: null, drafts: {}, chats: {}, replies: {} };
  const mark = () => (state.deal ? `${state.account.id}/${state.deal.id}` : '');

  function grow() {
    fitHeight(input);
    sendButton.disabled = (!input.value.trim() && !attachments.files().length) || !chats.value;
  }

  async function submit() {
    const text = input.value;
    const from = mark();
    const reply = state.replies[from];
    const files = attachments.files();
    if (!text.trim() && !files.length) return;
    if (!chats.value) {
      toast('В этой Сделке ещё нет чатов: ответить некуда.', 'error');
      return;
    }
    input.value = '';
    const taken = attachments.take();
    grow();
    const answer = await act('amocrm/answer', {
      account: state.account.id,
      deal: state.deal.id,
      chat: chats.value,
      user: Number(managers.value),
      text,
      files,
      reply_to: reply ? reply.id : null,
    });
    if (answer) {
      delete state.replies[from];
      drawReply();
    } else if (mark() === from && !input.value) {
      input.value = text;
      attachments.put(taken);
      grow();
    }
  }

  /** amoCRM tells of typing at most once in five seconds; the page asks no more often. */
  let toldTyping = 0;
  function tellTyping() {
    if (!chats.value || Date.now() - toldTyping < 4000) return;
    toldTyping = Date.now();
    act('amocrm/typing', { account: state.account.id, chat: chats.value, user: Number(managers.value) });
  }

  function react(item, emoji) {
    return act('amocrm/react', { account: state.account.id, message: item.id, user: Number(managers.value), emoji });
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  input.addEventListener('input', () => {
    grow();
    if (input.value) tellTyping();
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    }
  });
  chats.addEventListener('change', () => {
    state.chats[mark()] = chats.value;
    delete state.replies[mark()]; // an answer belongs to the chat of what it answers
    drawReply();
    grow();
  });

  function draw(account, deal) {
    const before = mark();
    if (state.deal) state.drafts[before] = input.value;
    state.account = account;
    state.deal = deal;
    const switched = before !== mark();
    element.hidden = !deal;
    if (!deal) return;
    const detail = part(`deal:${account.id}:${deal.id}`) || { contacts: [], chats: [], feed: [] };
    drawHead(account, deal);
    drawContacts(detail);
    fillSelect(
      managers,
      account.users.map((user) => [user.id, user.name]),
    );
    drawFeed(detail, switched);
    drawChats(detail);
    drawReply();
    if (switched) {
      input.value = state.drafts[mark()] || '';
    }
    grow();
  }

  function drawChats(detail) {
    const options = detail.chats.map((chat) => [chat.uuid, chat.title]);
    if (!options.length) options.push(['', 'чатов пока нет']);
    fillSelect(chats, options, state.chats[mark()] ?? options[0][0]);
    chats.disabled = !detail.chats.length;
    input.disabled = !detail.chats.length;
    input.placeholder = detail.chats.length ? 'Ответить клиенту' : 'Пока некому ответить';
  }

  function drawHead(account, deal) {
    const signature = JSON.stringify([account.id, deal]);
    if (head.signature === signature) return;
    head.signature = signature;
    const pipeline = account.pipelines.find((one) => one.id === deal.pipeline);
    head.replaceChildren(
      h(
        'div',
        { class: 'card-top' },
        h('span', { class: 'muted' }, pipeline ? pipeline.name : ''),
        actionsButton(account, deal),
      ),
      h('h3', { 'data-testid': 'deal-name' }, deal.name),
      h(
        'div',
        { class: 'card-facts' },
        h(
          'button',
          {
            type: 'button',
            class: 'copy',
            title: 'Скопировать ID Сделки',
            'aria-label': `Скопировать ID Сделки ${deal.id}`,
            'data-testid': 'copy-deal-id',
            'data-deal': deal.id,
            onclick: () => copy(String(deal.id)),
          },
          h('span', null, 'ID'),
          h('b', { 'data-testid': 'deal-id' }, deal.id),
          icon('copy'),
        ),
        stage(deal),
      ),
    );
  }

  function actionsButton(account, deal) {
    return h(
      'button',
      {
        type: 'button',
        class: 'ghost card-close',
        'aria-haspopup': 'dialog',
        'data-testid': 'deal-actions',
        onclick: () => openDealActions(account.id, deal.id),
      },
      'Действия',
    );
  }

  function drawContacts(detail) {
    contacts.hidden = !detail.contacts.length;
    reconcile(
      contacts,
      detail.contacts,
      (contact) => contact.id,
      (contact) => JSON.stringify(contact),
      (contact) =>
        h(
          'span',
          {
            class: 'contact',
            role: 'listitem',
            title: contact.telegram_id ? `Telegram ID ${contact.telegram_id}` : 'Контакт',
            'data-testid': `contact-${contact.id}`,
          },
          avatar(contact.name, 'mini'),
          contact.name,
        ),
    );
  }

  function drawFeed(detail, switched) {
    const user = managers.selectedOptions[0]?.text;
    const rows = [];
    let shown = '';
    for (const item of detail.feed) {
      const date = day(item.at);
      if (date !== shown) rows.push({ key: `day-${date}`, day: date });
      shown = date;
      rows.push({ key: item.id, item });
    }
    reconcile(
      items,
      rows,
      (row) => row.key,
      (row) => JSON.stringify([row, user]),
      (row) =>
        row.day ? h('div', { class: 'feed-day' }, row.day) : feedItem(row.item, { answerTo, react, user }),
    );
    empty.hidden = detail.feed.length > 0;
    if (!empty.firstChild) {
      empty.append(
        icon('note'),
        h('p', null, 'Здесь появится переписка. Свяжите со Сделкой группу в Telegram или напишите боту в личный чат.'),
      );
    }
    if (switched) toEnd();
  }

  function answerTo(item) {
    state.replies[mark()] = item;
    state.chats[mark()] = item.chat;
    if ([...chats.options].some((option) => option.value === item.chat)) chats.value = item.chat;
    drawReply();
    grow();
    input.focus();
  }

  function drawReply() {
    const item = state.replies[mark()];
    replyBar.hidden = !item;
    if (!item) return;
    const cancel = () => {
      delete state.replies[mark()];
      drawReply();
    };
    replyBar.replaceChildren(
      icon('reply'),
      h('div', { class: 'reply-text' }, h('strong', null, item.author), h('span', null, item.text || item.kind)),
      h(
        'button',
        { type: 'button', class: 'plain', 'aria-label': 'Не отвечать на сообщение', onclick: cancel },
        icon('close'),
      ),
    );
  }

  return { element, draw };
}

/** The deal's stage as a chip in the stage's own colour. */
export function stage(deal) {
  const chip = h('span', { class: 'stage', 'data-testid': 'stage' }, h('i', { class: 'stage-dot' }), deal.stage.name);
  chip.style.setProperty('--stage', deal.stage.color);
  return chip;
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without the permission (or outside a secure origin) the old way still works.
    const area = h('textarea', { class: 'offscreen', value: text, 'aria-hidden': 'true' });
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  toast(`ID ${text} скопирован: пришлите его боту в группе.`);
}
