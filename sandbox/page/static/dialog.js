/* Modal dialogs on the browser's own <dialog>: focus stays inside, Escape closes, focus returns to where it was. */

import { h, icon } from './dom.js';

/** Opens a dialog; `fill(close)` gives its content. Returns `close`. */
export function openDialog(title, testid, fill) {
  const dialog = h('dialog', { class: 'dialog', 'aria-label': title, 'data-testid': testid });
  const close = () => dialog.close();
  dialog.append(
    h(
      'header',
      { class: 'dialog-head' },
      h('h2', null, title),
      h(
        'button',
        { type: 'button', class: 'plain', 'aria-label': 'Закрыть', onclick: close, 'data-testid': 'dialog-close' },
        icon('close'),
      ),
    ),
    h('div', { class: 'dialog-body' }, fill(close)),
  );
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return close;
}
