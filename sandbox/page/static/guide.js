/*
 * First steps: what to try, ticked off by what really happened in the two simulators. Closed for good with one press.
 */

import { h, icon } from './dom.js';
import { part, watch } from './store.js';

const MEMORY = 'dealgram.guide';

const STEPS = [
  {
    title: 'Позовите бота',
    text: 'В группе Telegram отправьте /menu',
    done: (seen) => seen.messages.some((message) => message.from.bot && message.keyboard),
  },
  {
    title: 'Свяжите со Сделкой',
    text: 'Нажмите кнопку и пришлите ID Сделки',
    done: (seen) => seen.deals.some((deal) => deal.chats.length > 0),
  },
  {
    title: 'Напишите в группу',
    text: 'Сообщение появится в карточке Сделки',
    done: (seen) => seen.feed.some((item) => item.role === 'client'),
  },
  {
    title: 'Ответьте из карточки',
    text: 'Ответ менеджера придёт в группу',
    done: (seen) => seen.feed.some((item) => item.role === 'manager' && ['delivered', 'read'].includes(item.status)),
  },
];

export function createGuide(root, opener) {
  const list = h('ol', { class: 'steps' });
  const items = STEPS.map((step, index) => {
    const badge = h('span', { class: 'step-badge' }, String(index + 1));
    const item = h(
      'li',
      { class: 'step' },
      badge,
      h('span', { class: 'step-text' }, h('b', null, step.title), h('span', null, step.text)),
    );
    list.append(item);
    return { item, badge, step, done: false };
  });
  const close = h(
    'button',
    { type: 'button', class: 'plain', 'aria-label': 'Скрыть первые шаги', 'data-testid': 'guide-close' },
    icon('close'),
  );
  const finished = h(
    'p',
    { class: 'guide-done', hidden: true, 'data-testid': 'guide-done' },
    icon('check'),
    h(
      'span',
      null,
      h('b', null, 'Получилось! '),
      'Попробуйте ещё: свяжите группу со второй Сделкой, ответьте из неё и напишите боту в личный чат.',
    ),
  );
  const more = h(
    'p',
    { class: 'guide-more', hidden: true, 'data-testid': 'guide-settings' },
    'Жизнь виджета: выберите в amoCRM аккаунт ',
    h('b', null, '«Новая компания»'),
    ' и откройте ',
    h('b', null, '«Настройки»'),
    ' — установка, сохранение, бот по токену от @BotFather (значок бота в Telegram).',
  );
  root.append(h('div', { class: 'guide-body' }, list, finished, more), close);

  function show(open) {
    root.hidden = !open;
    opener.hidden = open;
    localStorage.setItem(MEMORY, open ? 'open' : 'closed');
  }

  close.addEventListener('click', () => show(false));
  opener.addEventListener('click', () => show(true));
  show(localStorage.getItem(MEMORY) !== 'closed');

  function seen() {
    const messages = (part('telegram')?.chats || [])
      .filter((chat) => chat.group)
      .flatMap((chat) => part(`chat:${chat.key}`)?.messages || []);
    const deals = (part('amocrm')?.accounts || []).flatMap((account) =>
      account.deals.map((deal) => part(`deal:${account.id}:${deal.id}`)).filter(Boolean),
    );
    return { messages, deals, feed: deals.flatMap((deal) => deal.feed) };
  }

  watch((changed) => {
    if (changed('settings') || changed('amocrm')) {
      const isThere = (part('amocrm')?.accounts || []).some((account) => !account.installed);
      more.hidden = !(part('settings')?.on && isThere);
    }
    if (root.hidden || items.every((entry) => entry.done)) return;
    const now = seen();

    let next = true;
    for (const entry of items) {
      entry.done = entry.done || entry.step.done(now);
      entry.item.classList.toggle('done', entry.done);
      entry.item.classList.toggle('next', !entry.done && next);
      if (!entry.done) next = false;
      if (entry.done && !entry.badge.firstElementChild) entry.badge.replaceChildren(icon('check'));
    }
    finished.hidden = !items.every((entry) => entry.done);
    list.hidden = !finished.hidden;
  });
}
