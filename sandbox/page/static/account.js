/*
 * The dialog «Аккаунт»: what the simulated account holds beyond the open deals, and what its people do with it.
 * Drawn from the part `account:<id>`; one section at a time, and the chosen one stays chosen while things change.
 */

import { act } from './api.js';
import { openDialog } from './dialog.js';
import { fillSelect, h, plural } from './dom.js';
import { part, watch } from './store.js';

const STATES = { open: 'в работе', won: 'успешно реализована', lost: 'закрыта без продажи', deleted: 'в корзине' };
const OUTCOMES = {
  waiting: 'ждёт попытки',
  delivered: 'доставлен',
  given_up: 'попытки кончились',
  dropped: 'потерян',
  disabled: 'адрес отключён',
};
const SECTIONS = [
  ['deals', 'Сделки', deals],
  ['contacts', 'Контакты', contacts],
  ['pipelines', 'Воронки и источники', pipelines],
  ['hooks', 'Интеграция', hooks],
];

export function openAccountDialog(account) {
  const tabs = h('div', { class: 'sections', role: 'tablist', 'aria-label': 'Что есть в аккаунте' });
  const body = h('div', { class: 'section-body', role: 'tabpanel', tabindex: '0', 'data-testid': 'account-section' });
  let chosen = SECTIONS[0][0];
  let shown = '';
  const draw = () => {
    const state = part(`account:${account.id}`);
    const signature = JSON.stringify([chosen, state]);
    if (!state || shown === signature) return;
    shown = signature;
    tabs.replaceChildren(
      ...SECTIONS.map(([key, title]) =>
        h(
          'button',
          {
            type: 'button',
            class: 'section-tab',
            role: 'tab',
            'aria-selected': String(key === chosen),
            'data-testid': `section-${key}`,
            onclick: () => {
              chosen = key;
              draw();
            },
          },
          title,
        ),
      ),
    );
    const [, , fill] = SECTIONS.find(([key]) => key === chosen);
    body.replaceChildren(...fill(account.id, state).filter(Boolean));
  };
  const stop = watch((changed) => {
    if (changed(`account:${account.id}`)) draw();
  });
  openDialog(`Аккаунт · ${account.name}`, 'account-dialog', () => h('div', { class: 'stack' }, tabs, body));
  const dialog = body.closest('dialog');
  dialog.classList.add('wide');
  dialog.addEventListener('close', stop);
  draw();
}

function deals(account, state) {
  const button = (deal, to, text) =>
    pill(text, `account-deal-${to}`, () => act('amocrm/deal/state', { account, deal: deal.id, state: to }));
  return [
    list(
      state.deals,
      'Сделок пока нет.',
      (deal) => [
        facts(deal.name, `${deal.id} · ${deal.pipeline} · ${STATES[deal.state]}`, deal.tags),
        deal.state === 'deleted' ? button(deal, 'restored', 'Восстановить') : button(deal, 'deleted', 'Удалить'),
      ],
      (deal) => `account-deal-${deal.id}`,
      (deal) => deal.state === 'deleted',
    ),
  ];
}

function contacts(account, state) {
  const alive = state.contacts.filter((one) => !one.deleted);
  const keep = h('select', { class: 'field small', 'aria-label': 'Останется', 'data-testid': 'merge-contact-keep' });
  const other = h('select', { class: 'field small', 'aria-label': 'Войдёт в него', 'data-testid': 'merge-contact-other' });
  const options = alive.map((one) => [one.id, `${one.name} (${one.id})`]);
  fillSelect(keep, options);
  fillSelect(other, options, alive[1]?.id);
  const merge = () =>
    act('amocrm/contact/merge', { account, keep: Number(keep.value), other: Number(other.value) });
  const change = (contact, to, text) =>
    pill(text, `contact-${to}`, () => act('amocrm/contact/state', { account, contact: contact.id, state: to }));
  return [
    list(
      state.contacts,
      'Контактов пока нет: они появятся, когда в Telegram напишут.',
      (contact) => [
        facts(
          contact.name,
          [
            contact.telegram_id ? `Telegram ID ${contact.telegram_id}` : 'без Telegram ID',
            contact.deals.length ? `Сделки: ${contact.deals.join(', ')}` : 'без Сделок',
            plural(contact.chats, 'чат', 'чата', 'чатов'),
            contact.deleted ? 'в корзине' : '',
          ]
            .filter(Boolean)
            .join(' · '),
          contact.tags,
        ),
        contact.deleted ? change(contact, 'restored', 'Восстановить') : change(contact, 'deleted', 'Удалить'),
      ],
      (contact) => `contact-${contact.id}`,
      (contact) => contact.deleted,
    ),
    alive.length > 1
      ? h(
          'div',
          { class: 'label' },
          'Объединить контакты: первый останется, второй войдёт в него',
          h(
            'div',
            { class: 'row-actions' },
            keep,
            other,
            h('button', { type: 'button', class: 'button small', 'data-testid': 'contact-merge', onclick: merge }, 'Объединить'),
          ),
        )
      : null,
  ];
}

function pipelines(account, state) {
  return [
    h('h3', { class: 'section-title' }, 'Воронки'),
    list(
      state.pipelines,
      'Воронок нет.',
      (one) => [
        facts(one.name, [String(one.id), one.main ? 'главная' : '', one.archived ? 'в архиве' : ''].filter(Boolean).join(' · ')),
        one.main
          ? null
          : pill(one.archived ? 'Из архива' : 'В архив', 'pipeline-archive', () =>
              act('amocrm/pipeline/archive', { account, pipeline: one.id, archived: !one.archived }),
            ),
      ],
      (one) => `pipeline-${one.id}`,
      (one) => one.archived,
    ),
    h('h3', { class: 'section-title' }, 'Источники'),
    list(
      state.sources,
      'Источников нет: они появляются вместе с ботами.',
      (one) => [
        facts(one.name, `${one.external_id} · ${one.pipeline}${one.default ? ' · по умолчанию' : ''}`),
        pill('Удалить', 'source-delete', () => act('amocrm/source/delete', { account, source: one.id })),
      ],
      (one) => `source-${one.id}`,
    ),
  ];
}

function hooks(account, state) {
  const facts_ = [
    state.installed ? 'Интеграция установлена' : 'Интеграция не установлена',
    state.connected ? 'канал чатов подключён' : 'канал чатов не подключён',
    state.paid ? 'аккаунт оплачен' : 'аккаунт не оплачен',
  ].join(', ');
  return [
    h('p', { class: 'muted' }, `${facts_}.`),
    h(
      'div',
      { class: 'row-actions' },
      pill(state.installed ? 'Отключить интеграцию' : 'Установить интеграцию', 'account-installation', () =>
        act('amocrm/installation', { account, installed: !state.installed }),
      ),
      pill(state.paid ? 'Перестать платить' : 'Оплатить', 'account-paid', () =>
        act('amocrm/paid', { account, paid: !state.paid }),
      ),
    ),
    list(
      state.webhooks,
      'Подписок на изменения нет.',
      (one) => [
        facts(one.host, `${plural(one.events, 'событие', 'события', 'событий')}${one.disabled ? ' · отключён' : ''}`),
        null,
      ],
      (one) => `webhook-${one.host}`,
      (one) => one.disabled,
    ),
    h('h3', { class: 'section-title' }, 'Последние вебхуки'),
    list(
      state.hooks,
      'Вебхуков ещё не было.',
      (one) => [facts(`${one.what} ${one.subject}`, outcome(one)), null],
      (one) => `hook-${one.number}`,
    ),
  ];
}

function outcome(hook) {
  const attempts = hook.statuses.length ? ` · ответы: ${hook.statuses.map((one) => one || 'нет').join(', ')}` : '';
  return `${OUTCOMES[hook.outcome] || hook.outcome}${attempts}`;
}

function list(items, empty, row, testid, gone = () => false) {
  if (!items.length) return h('p', { class: 'muted' }, empty);
  return h(
    'ul',
    { class: 'entities' },
    items.map((one) => h('li', { class: `entity${gone(one) ? ' gone' : ''}`, 'data-testid': testid(one) }, row(one))),
  );
}

function facts(name, about, tags = []) {
  return h(
    'span',
    { class: 'entity-text' },
    h('b', null, name),
    tags.map((tag) => h('i', { class: 'tag' }, tag)),
    h('span', null, about),
  );
}

function pill(text, testid, onclick) {
  return h('button', { type: 'button', class: 'pill', 'data-testid': testid, onclick }, text);
}
