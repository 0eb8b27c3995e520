/* Dialogs about groups: making one, and its members (add, remove, promote, upgrade to a supergroup). */

import { act } from './api.js';
import { openDialog } from './dialog.js';
import { avatar, h, icon } from './dom.js';
import { watch } from './store.js';

const STATUS = { creator: 'владелец', administrator: 'администратор', member: 'участник', restricted: 'ограничен' };

export function openNewGroupDialog(world, person, onCreated) {
  const name = h('input', {
    class: 'field',
    name: 'title',
    required: true,
    maxlength: '128',
    placeholder: 'Например: Ремонт офиса',
    'data-testid': 'new-group-title',
  });
  const choices = [
    ...world.people.filter((one) => one.id !== person).map((one) => choice(one, one.name, false)),
    ...world.bots.map((bot) => choice(bot, bot.name, true)),
  ];
  openDialog('Новая группа', 'new-group-dialog', (close) => {
    const form = h(
      'form',
      { class: 'stack' },
      h('label', { class: 'label' }, 'Название', name),
      h('fieldset', { class: 'choices' }, h('legend', null, 'Кого добавить'), choices),
      h(
        'label',
        { class: 'choice' },
        h('input', { type: 'checkbox', name: 'supergroup', 'data-testid': 'new-group-supergroup' }),
        h('span', null, 'Сразу супергруппа'),
      ),
      h(
        'div',
        { class: 'dialog-actions' },
        h('button', { type: 'submit', class: 'button primary', 'data-testid': 'new-group-create' }, 'Создать'),
      ),
    );
    form.addEventListener('submit', async (event) => {
      event.preventDefault();
      const answer = await act('telegram/groups', {
        person,
        title: name.value,
        supergroup: form.elements.supergroup.checked,
        members: [...form.querySelectorAll('input[name="member"]:checked')].map((box) => Number(box.value)),
      });
      if (!answer) return;
      close();
      onCreated(answer.chat);
    });
    return form;
  });
  name.focus();
}

function choice(who, name, bot) {
  return h(
    'label',
    { class: 'choice' },
    h('input', {
      type: 'checkbox',
      name: 'member',
      value: String(who.id),
      'data-testid': `new-group-member-${who.id}`,
    }),
    avatar(name, bot ? 'of-bot' : ''),
    h('span', null, name, bot ? h('i', { class: 'tag' }, 'бот') : null),
  );
}

/** `world()` gives the newest state: the dialog stays true while things change behind it. */
export function openGroupDialog(world, groupId, person) {
  const content = h('div', { class: 'stack' });
  let shown = '';
  const draw = () => {
    const state = world();
    const group = state && state.groups.find((one) => one.id === groupId || one.was === groupId);
    const signature = JSON.stringify([group, state && state.people, state && state.bots]);
    if (!group || shown === signature) return;
    shown = signature;
    content.replaceChildren(...members(state, group, person));
  };
  const stop = watch((changed) => {
    if (changed('telegram')) draw();
  });
  openDialog('Участники группы', 'group-dialog', () => content);
  content.closest('dialog').addEventListener('close', stop);
  draw();
}

function members(state, group, person) {
  const inside = new Set(group.members.map((member) => member.id));
  const others = [...state.people, ...state.bots].filter((one) => !inside.has(one.id));
  const change = (path, extra) => act(`telegram/${path}`, { person, group: group.id, ...extra });
  return [
    h(
      'ul',
      { class: 'members' },
      group.members.map((member) => memberRow(member, person, change)),
    ),
    others.length
      ? h(
          'div',
          { class: 'add-members' },
          h('span', { class: 'label-text' }, 'Добавить'),
          others.map((one) =>
            h(
              'button',
              {
                type: 'button',
                class: 'pill',
                'data-testid': `add-member-${one.id}`,
                onclick: () => change('members/add', { member: one.id }),
              },
              icon('plus'),
              one.name,
            ),
          ),
        )
      : null,
    group.kind === 'group'
      ? h(
          'div',
          { class: 'upgrade' },
          h(
            'p',
            null,
            'Telegram сам превращает большую группу в супергруппу, и у неё меняется номер. Связи со Сделками при этом сохраняются.',
          ),
          h(
            'button',
            { type: 'button', class: 'button', 'data-testid': 'upgrade-group', onclick: () => change('upgrade', {}) },
            icon('up'),
            'Сделать супергруппой',
          ),
        )
      : null,
    group.forum ? newTopic(change) : makeForum(change),
  ].filter(Boolean);
}

function makeForum(change) {
  return h(
    'div',
    { class: 'upgrade' },
    h('p', null, 'С темами у каждого вопроса в группе своё место, и ответ менеджера приходит в ту же тему.'),
    h(
      'button',
      { type: 'button', class: 'button', 'data-testid': 'make-forum', onclick: () => change('forum', {}) },
      icon('note'),
      'Включить темы',
    ),
  );
}

function newTopic(change) {
  const name = h('input', {
    class: 'field',
    required: true,
    maxlength: '128',
    placeholder: 'Например: Доставка',
    'aria-label': 'Название новой темы',
    'data-testid': 'new-topic-name',
  });
  const form = h(
    'form',
    { class: 'upgrade new-topic' },
    name,
    h('button', { type: 'submit', class: 'button', 'data-testid': 'new-topic-create' }, icon('plus'), 'Новая тема'),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (await change('topics', { name: name.value })) name.value = '';
  });
  return form;
}

function memberRow(member, person, change) {
  const promoted = member.status === 'administrator';
  return h(
    'li',
    { class: 'member', 'data-testid': `member-${member.id}` },
    avatar(member.name, member.bot ? 'of-bot' : ''),
    h(
      'div',
      { class: 'member-text' },
      h('strong', null, member.name),
      h('span', null, STATUS[member.status] || member.status),
    ),
    member.status === 'creator'
      ? null
      : [
          h(
            'button',
            {
              type: 'button',
              class: 'tool',
              title: promoted ? 'Снять права администратора' : 'Сделать администратором',
              'aria-label': `${promoted ? 'Снять права администратора' : 'Сделать администратором'}: ${member.name}`,
              'aria-pressed': String(promoted),
              'data-testid': `promote-${member.id}`,
              onclick: () => change(promoted ? 'demote' : 'promote', { member: member.id }),
            },
            icon('shield'),
          ),
          h(
            'button',
            {
              type: 'button',
              class: 'tool',
              title: member.id === person ? 'Выйти из группы' : 'Убрать из группы',
              'aria-label': `Убрать из группы: ${member.name}`,
              'data-testid': `remove-${member.id}`,
              onclick: () => change('members/remove', { member: member.id }),
            },
            icon('remove'),
          ),
        ],
  );
}
