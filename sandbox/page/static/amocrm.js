/*
 * The amoCRM pane: account, pipeline, the list of deals, and the frame of the open deal's card.
 * Owns the choice of account, pipeline and deal; the card is drawn by dealcard.js.
 */

import { openAccountDialog } from './account.js';
import { act } from './api.js';
import { createDealCard, stage } from './dealcard.js';
import { openDialog } from './dialog.js';
import { fillSelect, h, icon, reconcile, time } from './dom.js';
import { onDealLink } from './richtext.js';
import { createSettings, settingsAreOff, settingsButton } from './settings.js';
import { part, redraw, watch } from './store.js';
import { toast } from './toast.js';

const MEMORY = 'dealgram.amocrm';

export function createAmo(root, showPane) {
  const remembered = JSON.parse(sessionStorage.getItem(MEMORY) || '{}');
  const state = {
    account: remembered.account || null,
    pipeline: remembered.pipeline || '',
    deal: remembered.deal || null,
    seen: {},
  };
  const accounts = h('select', { class: 'field small', 'aria-label': 'Аккаунт amoCRM', 'data-testid': 'account' });
  const pipelines = h('select', { class: 'field small', 'aria-label': 'Воронка', 'data-testid': 'pipeline' });
  const accountName = h('span', { class: 'amo-account', 'data-testid': 'account-name' });
  const create = h(
    'button',
    { type: 'button', class: 'button primary small', 'data-testid': 'new-deal' },
    icon('plus'),
    'Сделка',
  );
  const entities = h(
    'button',
    {
      type: 'button',
      class: 'tool',
      title: 'Аккаунт: контакты, воронки, источники и вебхуки',
      'aria-label': 'Что есть в аккаунте',
      'aria-haspopup': 'dialog',
      'data-testid': 'account-open',
    },
    icon('people'),
  );
  const deals = h('div', { class: 'deals', role: 'list', 'aria-label': 'Сделки', 'data-testid': 'deals' });
  const none = h('p', { class: 'talk-empty', hidden: true }, 'Сделок в этой воронке пока нет.');
  const unsorted = h('div', {
    class: 'unsorted',
    hidden: true,
    role: 'list',
    'aria-label': 'Неразобранное',
    'data-testid': 'unsorted',
  });
  const card = createDealCard();
  const body = h('div', { class: 'amo-body' }, h('div', { class: 'amo-side' }, unsorted, none, deals), card.element);
  const settings = createSettings({ openDeal, onClose: () => showSettings(false) });
  const gear = settingsButton(() => {
    if (part('settings')?.on) showSettings(!state.settings);
    else openDialog('Настройки', 'settings-off', settingsAreOff);
  });

  root.append(
    h(
      'header',
      { class: 'pane-head' },
      h('span', { class: 'pane-mark' }, icon('deal')),
      h('h2', null, 'amoCRM'),
      accountName,
      accounts,
      entities,
      h('span', { class: 'grow' }),
      gear,
      pipelines,
      create,
    ),
    body,
    settings.element,
  );

  const account = () => part('amocrm')?.accounts.find((one) => one.id === state.account);

  function showSettings(on) {
    state.settings = on;
    gear.setAttribute('aria-pressed', String(on));
    body.hidden = on;
    for (const one of [pipelines, create]) one.hidden = on;
    if (on) settings.open(account());
    else {
      settings.close();
      gear.focus();
    }
  }

  function remember() {
    sessionStorage.setItem(
      MEMORY,
      JSON.stringify({ account: state.account, pipeline: state.pipeline, deal: state.deal }),
    );
  }

  function openDeal(id) {
    for (const one of part('amocrm')?.accounts || []) {
      const deal = one.deals.find((candidate) => candidate.id === id);
      if (!deal) continue;
      state.account = one.id;
      state.deal = id;
      if (state.pipeline && state.pipeline !== String(deal.pipeline)) state.pipeline = '';
      remember();
      redraw();
      return true;
    }
    return false;
  }

  /** Shows a deal that was made a moment ago, as soon as it is there. */
  function expectDeal(id) {
    state.deal = id;
    state.pipeline = '';
    remember();
    redraw();
  }

  onDealLink((id) => {
    if (!openDeal(id)) {
      toast(`Сделки ${id} в песочнице нет.`, 'error');
      return true;
    }
    if (state.settings) showSettings(false);
    showPane('amocrm');
    return true;
  });

  accounts.addEventListener('change', () => {
    state.account = Number(accounts.value);
    state.pipeline = '';
    state.deal = null;
    remember();
    redraw();
    if (state.settings) settings.open(account());
  });
  pipelines.addEventListener('change', () => {
    state.pipeline = pipelines.value;
    remember();
    redraw();
  });
  entities.addEventListener('click', () => openAccountDialog(account()));
  create.addEventListener('click', () => newDeal(account(), state.pipeline, expectDeal));

  function unread(deal) {
    const mark = `${state.account}/${deal.id}`;
    if (!(mark in state.seen)) state.seen[mark] = deal.count;
    return deal.count > state.seen[mark];
  }

  function draw() {
    const world = part('amocrm');
    if (!world) return;
    if (!account()) state.account = world.accounts[0]?.id ?? null;
    const current = account();
    if (!current) return;
    fillSelect(
      accounts,
      world.accounts.map((one) => [one.id, one.name]),
      current.id,
    );
    accounts.hidden = world.accounts.length < 2;
    accountName.hidden = !accounts.hidden;
    accountName.textContent = current.name;
    fillSelect(pipelines, [['', 'Все воронки'], ...current.pipelines.map((one) => [one.id, one.name])], state.pipeline);
    const shown = current.deals.filter((deal) => !state.pipeline || String(deal.pipeline) === state.pipeline);
    let open = shown.find((deal) => deal.id === state.deal);
    if (!open) open = shown[0];
    if (open) state.seen[`${state.account}/${open.id}`] = open.count;
    none.hidden = shown.length > 0;
    drawUnsorted(current);
    drawDeals(current, shown, open);
    card.draw(current, open || null);
  }

  function drawUnsorted(current) {
    unsorted.hidden = !current.unsorted.length;
    const settle = async (one, accept) => {
      const answer = await act('amocrm/unsorted', { account: current.id, uid: one.uid, accept });
      if (answer && answer.deal) expectDeal(answer.deal);
    };
    reconcile(
      unsorted,
      current.unsorted,
      (one) => one.uid,
      (one) => JSON.stringify(one),
      (one) =>
        h(
          'div',
          { class: 'unsorted-item', role: 'listitem', 'data-testid': 'unsorted-item' },
          h('span', { class: 'muted' }, 'Неразобранное'),
          h('b', null, one.name),
          h('span', { class: 'deal-last' }, one.text || one.source),
          h(
            'span',
            { class: 'unsorted-actions' },
            h(
              'button',
              { type: 'button', class: 'pill', 'data-testid': 'unsorted-accept', onclick: () => settle(one, true) },
              'Принять',
            ),
            h(
              'button',
              { type: 'button', class: 'pill', 'data-testid': 'unsorted-decline', onclick: () => settle(one, false) },
              'Отклонить',
            ),
          ),
        ),
    );
  }

  function drawDeals(current, shown, open) {
    reconcile(
      deals,
      shown,
      (deal) => deal.id,
      (deal) => JSON.stringify([deal, deal === open, unread(deal)]),
      (deal) =>
        h(
          'div',
          { role: 'listitem' },
          h(
            'button',
            {
              type: 'button',
              class: `deal${deal.closed ? ' closed' : ''}`,
              'aria-current': deal === open ? 'true' : null,
              'data-focus': `deal-${deal.id}`,
              'data-testid': `deal-${deal.id}`,
              'data-name': deal.name,
              onclick: () => openDeal(deal.id),
            },
            h(
              'span',
              { class: 'deal-top' },
              h('span', { class: 'deal-name' }, deal.name),
              h('time', null, deal.last ? time(deal.last.at) : ''),
            ),
            h(
              'span',
              { class: 'deal-last' },
              h('span', { class: 'deal-id' }, `${deal.id} `),
              deal.last ? `${deal.last.author}: ${deal.last.text}` : 'переписки пока нет',
            ),
            h('span', { class: 'deal-bottom' }, stage(deal)),
            unread(deal) ? h('span', { class: 'unread', 'aria-label': 'есть новые' }) : null,
          ),
        ),
    );
  }

  watch((changed) => {
    if (changed('amocrm') || changed('deal:')) draw();
  });
}

function newDeal(account, pipeline, onCreated) {
  const name = h('input', {
    class: 'field',
    required: true,
    maxlength: '255',
    placeholder: 'Например: Сайт для кофейни',
    'data-testid': 'new-deal-name',
  });
  const where = h('select', { class: 'field', 'data-testid': 'new-deal-pipeline' });
  fillSelect(
    where,
    account.pipelines.map((one) => [one.id, one.name]),
    pipeline || undefined,
  );
  openDialog('Новая Сделка', 'new-deal-dialog', (close) => {
    const form = h(
      'form',
      { class: 'stack' },
      h('label', { class: 'label' }, 'Название', name),
      h('label', { class: 'label' }, 'Воронка', where),
      h(
        'div',
        { class: 'dialog-actions' },
        h('button', { type: 'submit', class: 'button primary', 'data-testid': 'new-deal-create' }, 'Создать'),
      ),
    );
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const answer = await act('amocrm/deals', {
        account: account.id,
        pipeline: Number(where.value),
        name: name.value,
      });
      if (!answer) return;
      close();
      onCreated(answer.deal);
      toast(`Сделка создана, её ID — ${answer.deal}.`);
    });
    return form;
  });
  name.focus();
}
