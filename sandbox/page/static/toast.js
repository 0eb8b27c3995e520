/* Short messages at the bottom of the page. `kind`: info, error, telegram (the answer to a pressed button). */

import { h, icon } from './dom.js';

const LIFE_MS = 5000;

export function toast(text, kind = 'info') {
  const box = document.getElementById('toasts');
  const close = () => item.remove();
  const item = h(
    'div',
    {
      class: `toast toast-${kind}`,
      'data-testid': 'toast',
      'data-kind': kind,
      role: kind === 'error' ? 'alert' : null,
    },
    icon(kind === 'error' ? 'alert' : kind === 'telegram' ? 'send' : 'check'),
    h('span', { class: 'toast-text' }, text),
    h('button', { type: 'button', class: 'plain', 'aria-label': 'Закрыть', onclick: close }, icon('close')),
  );
  box.append(item);
  while (box.children.length > 4) box.firstElementChild.remove();
  const timer = setTimeout(close, LIFE_MS);
  item.addEventListener('pointerenter', () => clearTimeout(timer));
}
