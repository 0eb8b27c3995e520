/* The dialog «@BotFather»: the bots of this sandbox with their tokens, a new bot, privacy mode, a new token. */

import { act } from './api.js';
import { openDialog } from './dialog.js';
import { avatar, h, icon } from './dom.js';
import { part, watch } from './store.js';
import { toast } from './toast.js';

export function openBotFather() {
  const list = h('ul', { class: 'entities' });
  let shown = '';
  const draw = () => {
    const { bots } = part('telegram');
    const signature = JSON.stringify(bots);
    if (shown === signature) return;
    shown = signature;
    list.replaceChildren(...bots.map(row));
  };
  const stop = watch((changed) => {
    if (changed('telegram')) draw();
  });
  openDialog('@BotFather', 'botfather-dialog', () => h('div', { class: 'stack' }, newBot(), list));
  const dialog = list.closest('dialog');
  dialog.classList.add('wide');
  dialog.addEventListener('close', stop);
  draw();
}

function newBot() {
  const name = h('input', {
    class: 'field',
    required: true,
    maxlength: '64',
    placeholder: 'Новая компания',
    'data-testid': 'new-bot-name',
  });
  const username = h('input', {
    class: 'field',
    required: true,
    maxlength: '33',
    placeholder: 'novaya_bot',
    autocomplete: 'off',
    'data-testid': 'new-bot-username',
  });
  const form = h(
    'form',
    { class: 'botfather-new' },
    h('label', { class: 'label' }, 'Имя', name),
    h('label', { class: 'label' }, 'Имя пользователя', username),
    h('button', { type: 'submit', class: 'button primary small', 'data-testid': 'new-bot-create' }, '/newbot'),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (!(await act('telegram/bots', { name: name.value, username: username.value }))) return;
    form.reset();
    toast('Бот создан: скопируйте его токен и подключите в настройках amoCRM.');
  });
  return form;
}

function row(bot) {
  return h(
    'li',
    { class: 'entity', 'data-testid': `bot-${bot.id}`, 'data-username': bot.username },
    avatar(bot.name, 'of-bot'),
    h(
      'span',
      { class: 'entity-text' },
      h('b', null, bot.name),
      h('span', null, `@${bot.username} · ${bot.privacy_mode ? 'режим приватности включён' : 'видит сообщения групп'}`),
      h('code', { class: 'token', 'data-testid': 'bot-token' }, bot.token),
    ),
    h(
      'span',
      { class: 'row-actions' },
      h(
        'button',
        { type: 'button', class: 'pill', 'data-testid': 'token-copy', onclick: () => copy(bot.token) },
        icon('copy'),
        'Токен',
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'pill',
          'data-testid': 'bot-privacy',
          title: '/setprivacy: действует после того, как бота добавят в группу заново',
          onclick: () => act('telegram/bots/privacy', { bot: bot.id, on: !bot.privacy_mode }),
        },
        bot.privacy_mode ? 'Выключить приватность' : 'Включить приватность',
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'pill',
          'data-testid': 'bot-revoke',
          title: '/revoke: прежний токен перестанет действовать',
          onclick: () => act('telegram/bots/revoke', { bot: bot.id }),
        },
        'Новый токен',
      ),
    ),
  );
}

async function copy(token) {
  try {
    await navigator.clipboard.writeText(token);
    toast('Токен скопирован.');
  } catch {
    toast('Скопировать не вышло: выделите токен и скопируйте его сами.', 'error');
  }
}
