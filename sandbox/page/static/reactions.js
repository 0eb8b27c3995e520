/* Reactions under a message, and the small menu to choose one from. The same in both panes. */

import { h } from './dom.js';

export const OFFERED = ['👍', '❤', '🔥', '🎉', '👏', '😁', '🤔', '👎'];

/** Chips with those who chose them; a press on one's own takes it back. `mine(chip)` tells which is one's own. */
export function chips(reactions, { title, mine, choose, focus }) {
  if (!reactions.length) return null;
  return h(
    'div',
    { class: 'reactions', 'data-testid': 'reactions' },
    reactions.map((one) =>
      h(
        'button',
        {
          type: 'button',
          class: `reaction${mine(one) ? ' mine' : ''}`,
          title: title(one),
          'aria-pressed': String(mine(one)),
          'aria-label': `${one.emoji}, ${title(one)}`,
          'data-testid': 'reaction',
          'data-emoji': one.emoji,
          'data-focus': `reaction-${focus}-${one.emoji}`,
          onclick: (event) => {
            event.stopPropagation();
            choose(mine(one) ? null : one.emoji);
          },
        },
        one.emoji,
        one.count > 1 ? h('span', null, one.count) : null,
      ),
    ),
  );
}

/** A button that opens the choice. It closes with a choice, with Escape and when the focus leaves it. */
export function picker(choose, focus) {
  const menu = h('div', { class: 'picker', hidden: true, role: 'menu' });
  const close = () => {
    menu.hidden = true;
    opener.setAttribute('aria-expanded', 'false');
  };
  const opener = h(
    'button',
    {
      type: 'button',
      class: 'react',
      title: 'Реакция',
      'aria-label': 'Поставить реакцию',
      'aria-expanded': 'false',
      'data-testid': 'react',
      'data-focus': `react-${focus}`,
      onclick: (event) => {
        event.stopPropagation();
        menu.hidden = !menu.hidden;
        opener.setAttribute('aria-expanded', String(!menu.hidden));
        if (!menu.hidden) menu.firstElementChild.focus();
      },
    },
    '☺',
  );
  menu.append(
    ...OFFERED.map((emoji) =>
      h(
        'button',
        {
          type: 'button',
          role: 'menuitem',
          'data-testid': 'pick-reaction',
          'data-emoji': emoji,
          onclick: (event) => {
            event.stopPropagation();
            close();
            choose(emoji);
          },
        },
        emoji,
      ),
    ),
  );
  const holder = h('span', { class: 'picker-holder' }, opener, menu);
  holder.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || menu.hidden) return;
    event.stopPropagation();
    close();
    opener.focus();
  });
  holder.addEventListener('focusout', (event) => {
    if (!holder.contains(event.relatedTarget)) close();
  });
  return holder;
}
