/*
 * amoCRM's own settings inside the amoCRM pane: the account's page at the account's own address, in a frame, where the
 * widget is installed and looked after. A deal that is followed there opens in the pane.
 */

import { h, icon } from './dom.js';
import { part } from './store.js';

export function createSettings({ openDeal, onClose }) {
  const frame = h('iframe', { class: 'settings-frame', title: 'Настройки amoCRM', 'data-testid': 'settings-frame' });
  const out = h(
    'a',
    { class: 'settings-link', target: '_blank', rel: 'noreferrer', 'data-testid': 'settings-out' },
    'В новой вкладке',
  );
  const back = h(
    'button',
    { type: 'button', class: 'settings-link', 'data-testid': 'settings-close', onclick: () => onClose() },
    '← К сделкам',
  );
  const element = h(
    'div',
    { class: 'amo-settings', hidden: true },
    h('div', { class: 'settings-bar' }, back, h('span', { class: 'grow' }), out),
    frame,
  );
  let shown = '';

  /** The address of the widget's page; amoCRM leads from there to the marketplace while nothing is installed. */
  function address(account) {
    return `http://${account.host}/settings/widgets/${part('settings').code}/?theme=auto`;
  }

  function open(account) {
    element.hidden = false;
    if (shown === account.host) return;
    shown = account.host;
    frame.src = address(account);
    out.href = address(account);
    back.focus();
  }

  function close() {
    element.hidden = true;
    shown = '';
    frame.removeAttribute('src');
  }

  addEventListener('message', (event) => {
    if (event.source !== frame.contentWindow || event.origin !== `http://${shown}`) return;
    if (event.data && event.data.amo === 'deal' && openDeal(event.data.id)) onClose();
  });

  return { element, open, close };
}

/** Why there is no settings page, in the place of the button's work. */
export function settingsAreOff() {
  return h(
    'div',
    { class: 'stack' },
    h('p', null, 'Страница настроек виджета сейчас выключена.'),
    h('p', { class: 'muted' }, 'Почему и что сделать — написано в терминале, где запущена песочница.'),
  );
}

export function settingsButton(onclick) {
  return h(
    'button',
    {
      type: 'button',
      class: 'tool with-text',
      'aria-pressed': 'false',
      title: 'Настройки amoCRM: установить виджет, подключить ботов',
      'data-testid': 'settings-open',
      onclick,
    },
    icon('gear'),
    'Настройки',
  );
}
