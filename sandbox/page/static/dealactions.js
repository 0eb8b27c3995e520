/*
 * What a manager does with a deal as a whole: close it won or lost, take it back into work, move it to another pipeline,
 * merge it with another deal, delete it. The dialog stays true while things change behind it.
 */

import { act } from './api.js';
import { openDialog } from './dialog.js';
import { fillSelect, h } from './dom.js';
import { part, watch } from './store.js';
import { toast } from './toast.js';

export function openDealActions(accountId, dealId) {
  const content = h('div', { class: 'stack' });
  let shown = '';
  const account = () => part('amocrm')?.accounts.find((one) => one.id === accountId);
  const deal = () => account()?.deals.find((one) => one.id === dealId);
  const close = openDialog(`Сделка ${dealId}`, 'deal-actions-dialog', () => content);
  const draw = () => {
    const current = deal();
    if (!current) {
      close();
      return;
    }
    const others = account().deals.filter((one) => one.id !== dealId);
    const signature = JSON.stringify([current.name, current.closed, current.pipeline, account().pipelines, others.length]);
    if (shown === signature) return;
    shown = signature;
    content.replaceChildren(
      h('p', { class: 'muted' }, current.name),
      stages(accountId, current),
      mover(accountId, current, account().pipelines),
      merger(accountId, current, others),
      remover(accountId, current),
    );
  };
  const stop = watch((changed) => {
    if (changed('amocrm')) draw();
  });
  content.closest('dialog').addEventListener('close', stop);
  draw();
}

const setState = (account, deal, state) => act('amocrm/deal/state', { account, deal, state });

function stages(account, deal) {
  const button = (state, text, kind = '') =>
    h(
      'button',
      {
        type: 'button',
        class: `button small ${kind}`.trim(),
        'data-testid': `deal-${state}`,
        onclick: () => setState(account, deal.id, state),
      },
      text,
    );
  return h(
    'div',
    { class: 'row-actions' },
    deal.closed
      ? button('open', 'Вернуть в работу', 'primary')
      : [button('won', 'Успешно реализовать', 'primary'), button('lost', 'Закрыть без продажи')],
  );
}

function mover(account, deal, pipelines) {
  const others = pipelines.filter((one) => one.id !== deal.pipeline);
  if (!others.length) return null;
  const where = h('select', { class: 'field small', 'aria-label': 'Воронка', 'data-testid': 'move-pipeline' });
  fillSelect(
    where,
    others.map((one) => [one.id, one.name]),
  );
  return line(
    'Перенести в воронку',
    where,
    h(
      'button',
      {
        type: 'button',
        class: 'button small',
        'data-testid': 'deal-move',
        onclick: () => act('amocrm/deal/move', { account, deal: deal.id, pipeline: Number(where.value) }),
      },
      'Перенести',
    ),
  );
}

function merger(account, deal, others) {
  if (!others.length) return null;
  const other = h('select', { class: 'field small', 'aria-label': 'Другая Сделка', 'data-testid': 'merge-with' });
  fillSelect(
    other,
    others.map((one) => [one.id, `${one.id} ${one.name}`]),
  );
  const merge = async () => {
    const answer = await act('amocrm/deal/merge', { account, keep: deal.id, other: Number(other.value) });
    if (answer) toast(`Сделки объединены: осталась ${answer.deal}.`);
  };
  return line(
    'Объединить: эта Сделка останется, а другая войдёт в неё',
    other,
    h('button', { type: 'button', class: 'button small', 'data-testid': 'deal-merge', onclick: merge }, 'Объединить'),
  );
}

function remover(account, deal) {
  const remove = async () => {
    if (await setState(account, deal.id, 'deleted')) toast('Сделка в корзине. Вернуть её можно из окна «Аккаунт».');
  };
  return h(
    'div',
    { class: 'row-actions danger-row' },
    h(
      'button',
      { type: 'button', class: 'button small danger', 'data-testid': 'deal-deleted', onclick: remove },
      'Удалить Сделку',
    ),
  );
}

function line(label, ...controls) {
  return h('div', { class: 'label' }, label, h('div', { class: 'row-actions' }, controls));
}
