/*
 * What stands around every page: the left menu, the profile menu (who is logged in, which theme) and, in the settings,
 * their list of pages, in which an installed widget's own page has its place.
 */
'use strict';

define(['shell/guard'], function (guard) {
  const MENU = [
    ['dashboard', '/dashboard/', 'Рабочий стол', 'M4 11l8-7 8 7v9h-5v-6H9v6H4z'],
    ['leads', '/leads/', 'Сделки', 'M5 5h14v3H5zM5 10.5h14v3H5zM5 16h9v3H5z'],
    ['chats', null, 'Чаты', 'M4 5h16v11H9l-5 4z'],
    ['todo', null, 'Задачи', 'M5 12l4 4 10-10 2 2L9 20l-6-6z'],
    ['contacts', null, 'Списки', 'M12 12a4 4 0 100-8 4 4 0 000 8zm-8 8c0-4 4-6 8-6s8 2 8 6z'],
    ['mail', null, 'Почта', 'M3 6h18v12H3zm2 2l7 5 7-5z'],
    ['stats', null, 'Аналитика', 'M5 20V10h3v10zm5.500 0V4h3v16zm5.500 0v-7h3v7z'],
    ['settings', '/settings/widgets/', 'Настройки', 'M12 8a4 4 0 110 8 4 4 0 010-8zm-1.500-5h3l.6 2.600 2 .9 2.300-1.300 2.100 2.100-1.300 2.300.9 2 2.600.6v3l-2.600.6-.9 2 1.300 2.300-2.100 2.100-2.300-1.300-2 .9-.6 2.600h-3l-.6-2.600-2-.9-2.300 1.300-2.100-2.100 1.300-2.300-.9-2L1 13.500v-3l2.600-.6.9-2-1.300-2.300 2.100-2.100 2.300 1.300 2-.9z'],
  ];
  const SETTINGS = ['Интеграции', 'Профиль', 'Счёт и оплата', 'Общие настройки', 'Пользователи', 'Коммуникации'];

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === 'text') made.textContent = value;
      else if (name.startsWith('on')) made[name] = value;
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
    }
    made.append(...children.filter(Boolean));
    return made;
  }

  function icon(path) {
    const space = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(space, 'svg');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('class', 'nav__icon');
    svg.setAttribute('aria-hidden', 'true');
    const line = document.createElementNS(space, 'path');
    line.setAttribute('d', path);
    svg.append(line);
    return svg;
  }

  /** The sprite of amoCRM's own controls that widgets' markup refers to. */
  function sprite() {
    const space = 'http://www.w3.org/2000/svg';
    const svg = document.createElementNS(space, 'svg');
    svg.setAttribute('class', 'svg-sprite');
    svg.setAttribute('aria-hidden', 'true');
    const shapes = {
      'controls--button-add': 'M7 2h2v5h5v2H9v5H7V9H2V7h5z',
      'common--filter-search': 'M7 2a5 5 0 013.900 8.100l3.500 3.500-1.300 1.300-3.500-3.500A5 5 0 117 2zm0 1.800a3.200 3.200 0 100 6.400 3.200 3.200 0 000-6.400z',
    };
    for (const [id, path] of Object.entries(shapes)) {
      const symbol = document.createElementNS(space, 'symbol');
      symbol.setAttribute('id', id);
      symbol.setAttribute('viewBox', '0 0 16 16');
      const line = document.createElementNS(space, 'path');
      line.setAttribute('d', path);
      symbol.append(line);
      svg.append(symbol);
    }
    return svg;
  }

  function build(boot, go) {
    const page = element('div', { class: 'page', id: 'page_holder' });
    const menu = element('nav', { class: 'nav', id: 'nav_menu', 'aria-label': 'Главное меню' });
    menu.append(profile(boot));
    for (const [name, address, title, path] of MENU) {
      const link = address
        ? element('a', { class: 'nav__item', href: address + location.search, 'data-area': name, title }, icon(path))
        : element('span', { class: 'nav__item nav__item_idle', title }, icon(path));
      link.append(element('span', { class: 'nav__title', text: title }));
      if (address) {
        link.onclick = (event) => {
          event.preventDefault();
          go(address);
        };
      }
      menu.append(link);
    }
    document.body.append(sprite(), menu, page);
    return page;
  }

  function profile(boot) {
    const initials = boot.user.name.split(' ').map((word) => word[0]).join('').slice(0, 2);
    const panel = element('div', { class: 'profile__panel', role: 'menu', hidden: true });
    const button = element('button', {
      type: 'button',
      class: 'profile__avatar',
      'aria-haspopup': 'menu',
      'aria-expanded': 'false',
      title: `${boot.user.name}: профиль`,
      text: initials,
    });
    button.onclick = () =>
      guard.own(() => {
        panel.hidden = !panel.hidden;
        button.setAttribute('aria-expanded', String(!panel.hidden));
      });
    panel.append(element('div', { class: 'profile__account', text: boot.account.name }));
    panel.append(element('div', { class: 'profile__group', text: 'Войти как' }));
    for (const one of boot.users) {
      panel.append(choice(one.name, one.is_admin ? 'администратор' : 'менеджер', one.id === boot.user.id, { user: one.id }));
    }
    panel.append(element('div', { class: 'profile__group', text: 'Тема' }));
    const theme = new URLSearchParams(location.search).get('theme') || 'light';
    panel.append(choice('Светлая', '', theme === 'light', { theme: 'light' }));
    panel.append(choice('Тёмная', '', theme === 'dark', { theme: 'dark' }));
    panel.append(choice('Как в системе', '', theme === 'auto', { theme: 'auto' }));
    return element('div', { class: 'profile' }, button, panel);
  }

  function choice(title, note, isChosen, change) {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(change)) query.set(name, value);
    return element(
      'a',
      {
        class: `profile__item${isChosen ? ' profile__item_chosen' : ''}`,
        role: 'menuitem',
        href: `?${query}`,
        'data-choice': Object.entries(change)[0].join('-'),
      },
      element('span', { text: title }),
      note ? element('small', { text: note }) : null,
    );
  }

  function settingsMenu(boot, chosen, go) {
    const menu = element('nav', { class: 'aside', 'aria-label': 'Настройки' }, element('h2', { class: 'aside__title', text: 'Настройки' }));
    const entries = SETTINGS.map((title, index) => [title, index ? null : '/settings/widgets/', !index && chosen === 'settings']);
    if (boot.widget.status !== 'install') {
      const title = boot.widget.manifest.advanced.title.split('.').reduce((found, key) => found && found[key], boot.widget.langs);
      entries.push([title, `/settings/widgets/${boot.code}/`, chosen === 'advanced_settings', boot.widget.langs.widget.name]);
    }
    for (const [title, address, isChosen, note] of entries) {
      const item = element(address ? 'a' : 'span', {
        class: `aside__item${isChosen ? ' aside__item_active' : ''}${address ? '' : ' aside__item_idle'}`,
        href: address ? address + location.search : null,
        'aria-current': isChosen ? 'page' : null,
        text: title,
      });
      if (note) item.append(element('small', { class: 'aside__note', text: note }));
      if (address) {
        item.onclick = (event) => {
          event.preventDefault();
          go(address);
        };
      }
      menu.append(item);
    }
    return menu;
  }

  function mark(area) {
    const chosen = area === 'advanced_settings' ? 'settings' : area;
    for (const item of document.querySelectorAll('.nav__item[data-area]')) {
      item.classList.toggle('nav__item_active', item.dataset.area === chosen);
    }
  }

  return { build, settingsMenu, mark, element };
});
