/*
 * The health of the service's actors: how many in which state, and a table with a filter. Drawn from the part `health`,
 * which the page server reads from the service once a second while somebody looks.
 */

import { h, icon, plural, reconcile } from './dom.js';
import { part, redraw, watch } from './store.js';

const STATES = {
  running: 'работает',
  starting: 'запускается',
  backing_off: 'ждёт повтора',
  failed: 'сбой',
  draining: 'завершает',
  stopped: 'остановлен',
};
const KINDS = { account: 'Аккаунт', bot: 'Бот', mailing: 'Рассылка', group: 'Группа', writer: 'Журнал', poller: 'Опрос', installation: 'Установка', controller: 'Регистрация' };

export function createActors(root) {
  const state = { filter: '', only: '', acted: new Map() };
  const summary = h('div', {
    class: 'summary',
    role: 'group',
    'aria-label': 'Сводка по состояниям',
    'data-testid': 'health-summary',
  });
  const filter = h('input', {
    class: 'field small',
    type: 'search',
    placeholder: 'Найти актора',
    'aria-label': 'Найти актора',
    'data-testid': 'actor-filter',
  });
  const shown = h('span', { class: 'muted', 'data-testid': 'actor-count' });
  const body = h('tbody', null);
  const table = h(
    'table',
    { class: 'actors', 'data-testid': 'actors-table' },
    h(
      'thead',
      null,
      h(
        'tr',
        null,
        h('th', { scope: 'col' }, 'Актор'),
        head('Почта', 'Сообщений в почтовом ящике'),
        head('Журнал', 'Ждут в журнале'),
        head('Полосы', 'Полосы доставки: идут / ждут'),
        head('Сбои', 'Перезапусков'),
        head('Когда', 'Последнее действие'),
      ),
    ),
    body,
  );
  const scroller = h(
    'div',
    { class: 'actors-scroll', tabindex: '0', role: 'region', 'aria-label': 'Таблица акторов' },
    table,
  );
  const silent = h('div', { class: 'silent', 'data-testid': 'health-silent', role: 'status' });
  const tools = h('div', { class: 'act-tools' }, h('label', { class: 'search' }, icon('search'), filter), shown);

  root.append(
    h(
      'header',
      { class: 'pane-head' },
      h('span', { class: 'pane-mark' }, icon('pulse')),
      h('h2', null, 'Акторы'),
      h('span', { class: 'grow' }),
      h('span', { class: 'beat', 'data-testid': 'health-state' }),
    ),
    summary,
    tools,
    scroller,
    silent,
  );
  const beat = root.querySelector('.beat');

  filter.addEventListener('input', () => {
    state.filter = filter.value.trim().toLowerCase();
    redraw();
  });

  function draw() {
    const health = part('health');
    const telegram = part('telegram');
    const amo = part('amocrm');
    const alive = Boolean(health && health.reachable);
    beat.dataset.state = alive ? 'up' : health ? 'down' : 'unknown';
    beat.textContent = alive ? 'сервис отвечает' : health ? 'нет ответа' : 'спрашиваем…';
    root.classList.toggle('is-silent', Boolean(health) && !alive);
    silent.hidden = !health || alive;
    if (health && !alive) drawSilent(health);
    if (!alive) return;
    drawSummary(health);
    const names = known(telegram, amo);
    const rows = health.actors
      .filter((actor) => !state.only || actor.state === state.only)
      .map((actor) => ({ ...actor, name: names.get(actor.address) || '' }))
      .filter(
        (actor) =>
          !state.filter ||
          `${actor.address} ${actor.name} ${actor.last_error || ''}`.toLowerCase().includes(state.filter),
      );
    shown.textContent =
      rows.length === health.total
        ? plural(health.total, 'актор', 'актора', 'акторов')
        : `${rows.length} из ${health.total}`;
    reconcile(
      body,
      rows,
      (actor) => actor.address,
      (actor) => JSON.stringify(actor),
      (actor) => row(actor, health.at),
    );
    table.classList.toggle('is-empty', rows.length === 0);
  }

  function drawSilent(health) {
    if (silent.signature === health.url + health.reason) return;
    silent.signature = health.url + health.reason;
    silent.replaceChildren(
      icon('unplug'),
      h('h3', null, 'Сервис не отвечает'),
      h('p', null, health.reason),
      health.url ? h('code', null, health.url) : '',
      h(
        'p',
        { class: 'muted' },
        'Telegram и amoCRM в песочнице работают и без него: сообщения подождут, пока он вернётся.',
      ),
    );
  }

  function drawSummary(health) {
    const chips = [
      ['', 'всего', health.total],
      ...Object.keys(STATES)
        .filter((name) => ['running', 'backing_off', 'failed'].includes(name) || health.states[name])
        .map((name) => [name, STATES[name], health.states[name] || 0]),
    ];
    reconcile(
      summary,
      chips,
      (chip) => chip[0] || 'all',
      (chip) => JSON.stringify([chip, state.only === chip[0]]),
      ([name, label, count]) =>
        h(
          'button',
          {
            type: 'button',
            class: `sum ${name || 'all'}${count ? '' : ' zero'}`,
            'aria-pressed': String(state.only === name),
            'data-focus': `sum-${name}`,
            'data-testid': `health-${name || 'all'}`,
            onclick: () => {
              state.only = state.only === name ? '' : name;
              redraw();
            },
          },
          h('b', null, count),
          h('span', null, label),
        ),
    );
  }

  function row(actor) {
    const moved = state.acted.has(actor.address) && state.acted.get(actor.address) !== actor.last_activity_at;
    state.acted.set(actor.address, actor.last_activity_at);
    const lanes = actor.lanes;
    const busy = lanes.running + lanes.queued + lanes.waiting;
    return h(
      'tr',
      {
        class: `actor ${actor.state}${moved ? ' moved' : ''}`,
        'data-testid': 'actor',
        'data-address': actor.address,
        'data-state': actor.state,
      },
      h(
        'td',
        { class: 'actor-cell' },
        h(
          'div',
          { class: 'actor-name' },
          h('span', { class: 'dot', 'aria-hidden': 'true' }),
          h(
            'div',
            { class: 'actor-text' },
            h('b', null, actor.name || `${KINDS[actor.kind] || actor.kind} ${actor.key}`),
            h(
              'span',
              { class: 'muted' },
              actor.name ? `${KINDS[actor.kind] || actor.kind} · ${activity(actor)}` : activity(actor),
            ),
            actor.last_error
              ? h(
                  'span',
                  { class: 'actor-error', title: actor.last_error, 'data-testid': 'actor-error' },
                  actor.last_error,
                )
              : null,
          ),
        ),
      ),
      number('почта', actor.mailbox),
      number('журнал', actor.backlog),
      h(
        'td',
        {
          class: busy ? 'num' : 'num zero',
          'data-label': 'полосы',
          title: `идут ${lanes.running}, в очереди ${lanes.queued}, ждут повтора ${lanes.waiting}`,
        },
        busy ? `${lanes.running} / ${lanes.queued + lanes.waiting}` : '0',
      ),
      number('сбои', actor.restarts, 'warn'),
      h('td', { class: 'num ago', 'data-at': actor.last_activity_at || '' }, ago(actor.last_activity_at)),
    );
  }

  // The "how long ago" cells age by themselves; nothing else of a row changes while its actor rests.
  setInterval(() => {
    for (const cell of body.querySelectorAll('.ago')) {
      const text = ago(Number(cell.dataset.at) || null);
      if (cell.textContent !== text) cell.textContent = text;
    }
  }, 1000);

  watch((changed) => {
    if (changed('health') || changed('telegram') || changed('amocrm')) draw();
  });
}

const head = (text, title) => h('th', { scope: 'col', class: 'num', title }, text);

const number = (label, value, extra = '') =>
  h('td', { class: `num ${value ? extra : 'zero'}`.trim(), 'data-label': label }, value);

function activity(actor) {
  const label = STATES[actor.state] || actor.state;
  return actor.waiting_for ? `${label} · ждёт: ${actor.waiting_for}` : label;
}

/** Names of bots and accounts that the two simulators know, by actor address. */
function known(telegram, amo) {
  const names = new Map();
  for (const bot of telegram?.bots || []) {
    for (const account of amo?.accounts || []) {
      for (const kind of ['bot', 'mailing']) names.set(`${kind}:${account.id}-${bot.id}`, bot.name);
    }
    names.set(`poller:${bot.id}`, bot.name);
  }
  for (const account of amo?.accounts || []) names.set(`account:${account.id}`, account.name);
  return names;
}

function ago(seconds) {
  if (!seconds) return '—';
  const gone = Math.max(0, Math.round(Date.now() / 1000 - seconds));
  if (gone < 2) return 'сейчас';
  if (gone < 60) return `${gone} с`;
  if (gone < 3600) return `${Math.floor(gone / 60)} мин`;
  return `${Math.floor(gone / 3600)} ч`;
}
