/*
 * Choosing files to send: from the computer, or samples for those who have none at hand. What is chosen stands in a tray
 * above the line until it is sent; things that people send by themselves (a sticker, a place) go at once.
 */

import { upload } from './api.js';
import { h, icon } from './dom.js';
import { bytes } from './media.js';

/**
 * `samples` are [name, label] pairs for the tray, `[[name, …], label]` for several at once; `others` go at once through
 * `onOther(name)`. `onChange()` is called whenever the tray changes.
 */
export function createAttachments({ samples, others = [], onOther, onChange, testid }) {
  let chosen = [];
  const tray = h('div', { class: 'tray', hidden: true, role: 'list', 'aria-label': 'Выбранные файлы' });
  const input = h('input', {
    type: 'file',
    multiple: true,
    hidden: true,
    tabindex: '-1',
    'data-testid': `${testid}-file`,
  });
  const menu = h('div', { class: 'attach-menu', role: 'menu', hidden: true, 'data-testid': `${testid}-menu` });
  const button = h(
    'button',
    {
      type: 'button',
      class: 'tool',
      title: 'Прикрепить',
      'aria-label': 'Прикрепить файл',
      'aria-haspopup': 'menu',
      'aria-expanded': 'false',
      'data-testid': `${testid}-attach`,
    },
    icon('clip'),
  );
  const element = h('span', { class: 'attach' }, button, menu, input);

  function open(shown) {
    menu.hidden = !shown;
    button.setAttribute('aria-expanded', String(shown));
    if (shown) menu.querySelector('button').focus();
  }
  button.addEventListener('click', () => open(menu.hidden));
  element.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !menu.hidden) {
      event.stopPropagation();
      open(false);
      button.focus();
    }
  });
  element.addEventListener('focusout', (event) => {
    if (!element.contains(event.relatedTarget)) open(false);
  });

  const entry = (label, name, onclick) =>
    h(
      'button',
      {
        type: 'button',
        role: 'menuitem',
        'data-testid': `${testid}-sample`,
        'data-sample': name,
        onclick: () => {
          open(false);
          onclick();
        },
      },
      label,
    );
  menu.append(
    entry('Выбрать файлы…', 'choose', () => input.click()),
    h('span', { class: 'attach-title' }, 'Образцы'),
    ...samples.map(([name, label]) =>
      entry(label, Array.isArray(name) ? 'album' : name, () =>
        add((Array.isArray(name) ? name : [name]).map((one) => ({ sample: one, label }))),
      ),
    ),
    ...others.map(([name, label]) => entry(label, name, () => onOther(name))),
  );

  input.addEventListener('change', async () => {
    const files = [...input.files];
    input.value = '';
    for (const file of files) {
      const kept = await upload(file);
      if (kept) add([{ upload: kept.upload, label: file.name, size: file.size }]);
    }
  });

  function add(files) {
    chosen = [...chosen, ...files].slice(0, 10);
    draw();
  }

  function draw() {
    tray.hidden = !chosen.length;
    tray.replaceChildren(
      ...chosen.map((file, index) =>
        h(
          'span',
          { class: 'tray-file', role: 'listitem', 'data-testid': `${testid}-chosen` },
          icon('clip'),
          h('span', null, file.label, file.size ? h('i', null, ` ${bytes(file.size)}`) : null),
          h(
            'button',
            {
              type: 'button',
              class: 'plain',
              'aria-label': `Убрать: ${file.label}`,
              onclick: () => {
                chosen = chosen.filter((_, other) => other !== index);
                draw();
              },
            },
            icon('close'),
          ),
        ),
      ),
    );
    onChange();
  }

  return {
    element,
    tray,
    files: () => chosen.map(({ upload: kept, sample }) => (kept ? { upload: kept } : { sample })),
    /** Takes the files out for a send; `put` gives them back when it failed. */
    take: () => {
      const taken = chosen;
      chosen = [];
      draw();
      return taken;
    },
    put: (files) => {
      chosen = files;
      draw();
    },
  };
}
