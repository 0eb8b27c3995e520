/*
 * The pages of the shell and the way between them: leaving destroys the widget, entering starts it, as amoCRM does it
 * without loading the page anew (documentation, "mechanics", "settings"; amoCRM widget §1.1).
 */
'use strict';

define([
  'jquery',
  'shell/report',
  'shell/guard',
  'shell/handlers',
  'shell/requests',
  'shell/widget',
  'shell/chrome',
  'shell/marketplace',
  'lib/components/base/modal',
], function ($, { report }, guard, handlers, requests, Widget, chrome, marketplace, Modal) {
  const PREFIX = 'dgm-';
  const element = chrome.element;
  const state = { area: null, widget: null, before: null, boot: null, post: null, page: null, ready: null, started: null };
  let Class = null;

  function areaOf(path) {
    if (path === '/settings/widgets/') return 'settings';
    if (path === `/settings/widgets/${state.boot.code}/`) return 'advanced_settings';
    if (path.startsWith('/leads/detail/')) return 'lead';
    return path.startsWith('/leads/') ? 'leads' : 'dashboard';
  }

  /** Elements whose handlers go away with them: the widget's own, and those of the settings window. */
  function goesAway(one) {
    return guard.isOurs(one) || Boolean(one.closest('.widget-settings__modal'));
  }

  /** The code that `APP.getWidgetsArea` tells. */
  function codeOfArea() {
    if (state.area === 'settings') return 'widgetsSettings';
    if (state.area === 'advanced_settings') return `advanced-settings:${state.boot.code}`;
    return state.area === 'lead' ? 'leads_card' : state.area;
  }

  function go(address, { push = true } = {}) {
    const url = new URL(address, location.href);
    if (!url.search) url.search = location.search.replace(/([?&])widget=[^&]*/, '$1');
    if (push) history.pushState(null, '', url);
    state.ready = leave().then(() => enter(url));
    return state.ready;
  }

  async function leave() {
    if (!state.area) return;
    const wasThere = state.widget;
    stop();
    $(document).trigger('page:changed');
    Modal.closeAll();
    guard.own(() => state.page.replaceChildren());
    if (wasThere) {
      await new Promise((resolve) => setTimeout(resolve));
      checkLeft();
    }
    state.area = null;
  }

  async function enter(url) {
    state.area = areaOf(url.pathname);
    guard.own(() => {
      draw(url);
      chrome.mark(state.area);
    });
    const { manifest, status } = state.boot.widget;
    if (!manifest.locations.includes(state.area)) return;
    if (state.area === 'advanced_settings' && status === 'install') {
      await go('/settings/widgets/');
      return;
    }
    state.started = start();
    await state.started;
    if (state.area === 'advanced_settings' && state.widget) {
      call('advancedSettings');
      const place = document.getElementById('list_page_holder');
      setTimeout(() => place.isConnected && guard.inspect(place, PREFIX));
    }
    const asked = url.searchParams.get('widget');
    if (state.area === 'settings' && asked === state.boot.code) await marketplace.openWidget(hands());
  }

  /** Loads script.js once; makes the widget's object; render, then init and bind_actions, each of which says true. */
  async function start() {
    state.before = handlers.list(goesAway);
    requests.begin();
    try {
      if (!Class) Class = await load(`${state.boot.widget.path}/script.js`);
      if (!state.widget) state.widget = Widget.create(Class, state.boot, state.area, state.post);
    } catch (error) {
      report('script', String(error.message || error));
      return;
    }
    const { callbacks } = state.widget;
    for (const name of ['render', 'init', 'bind_actions']) {
      if (!callbacks || typeof callbacks[name] !== 'function') report('callback', `${name} is missing`);
    }
    if (call('render') !== true) {
      report('callback', 'render has not returned true: init and bind_actions are not called');
      return;
    }
    for (const name of ['bind_actions', 'init']) {
      if (call(name) !== true) report('callback', `${name} has not returned true`);
    }
  }

  function stop() {
    if (!state.widget) return;
    const place = document.getElementById('list_page_holder');
    if (place) guard.inspect(place, PREFIX);
    call('destroy');
    requests.end();
    guard.check();
    if (!state.boot.switches.reuse_instance) state.widget = null;
  }

  /** After the widget is gone, everything outside its own place is as it was. */
  function checkLeft() {
    const left = [...handlers.list(goesAway)];
    for (const one of state.before) {
      const index = left.indexOf(one);
      if (index >= 0) left.splice(index, 1);
    }
    if (left.length) report('destroy', `left behind: ${[...new Set(left)].join(', ')}`);
  }

  function call(name, ...given) {
    const callback = state.widget && state.widget.callbacks && state.widget.callbacks[name];
    if (typeof callback !== 'function') {
      if (name === 'advancedSettings' || name === 'settings') report('callback', `${name} is missing, but its location is declared`);
      return undefined;
    }
    try {
      return callback.apply(state.widget.callbacks, given);
    } catch (error) {
      report('callback', `${name} threw ${error.name}: ${error.message}`);
      return undefined;
    }
  }

  function load(address) {
    return new Promise((resolve, reject) => requirejs([address], resolve, reject));
  }

  function draw(url) {
    const { page, boot } = state;
    if (state.area === 'settings') {
      page.replaceChildren(chrome.settingsMenu(boot, 'settings', go), marketplace.page(hands()));
    } else if (state.area === 'advanced_settings') {
      page.replaceChildren(chrome.settingsMenu(boot, 'advanced_settings', go), advancedPage());
    } else page.replaceChildren(plainPage(url));
  }

  function advancedPage() {
    const { boot } = state;
    const holder = element('div', { class: 'list', id: 'list_page_holder' });
    if (boot.switches.work_area) {
      const area = element('div', { class: 'work-area', id: `work-area-${boot.code}` });
      guard.allow(area);
      const title = boot.widget.manifest.advanced.title.split('.').reduce((found, key) => found && found[key], boot.widget.langs);
      holder.append(
        element(
          'div',
          { class: 'list__body-right__top' },
          element(
            'div',
            { class: 'list__top__preset content__top__preset' },
            element('span', { class: 'list-top-nav__text-button list-top-nav__text-button_active', text: title }),
          ),
        ),
        area,
      );
    } else guard.allow(holder);
    return holder;
  }

  function plainPage(url) {
    const { boot } = state;
    const top = (title) =>
      element('div', { class: 'list__body-right__top' }, element('span', { class: 'list-top-nav__text-button', text: title }));
    const body = element('div', { class: 'plain-page' });
    if (state.area === 'lead') {
      const id = Number(url.pathname.split('/')[3]);
      const lead = boot.leads.find((one) => one.id === id);
      if (window.parent !== window) window.parent.postMessage({ amo: 'deal', id }, '*');
      body.append(element('h1', { class: 'plain-page__title', text: lead ? lead.name : `Сделка #${id}` }));
      body.append(element('p', { class: 'plain-page__text', text: lead ? `#${id}` : 'Такой сделки нет.' }));
      return element('div', { class: 'list' }, top('Сделка'), body);
    }
    if (state.area === 'leads') {
      for (const lead of boot.leads) {
        body.append(element('a', { class: 'plain-page__link js-navigate-link', href: `/leads/detail/${lead.id}`, text: lead.name }));
      }
    }
    return element('div', { class: 'list' }, top(state.area === 'leads' ? 'Сделки' : 'Рабочий стол'), body);
  }

  /** What the marketplace needs of us. */
  function hands() {
    return {
      boot: state.boot,
      post: state.post,
      call,
      go,
      get widget() {
        return state.widget;
      },
      started: () => state.started,
      stop() {
        stop();
        checkLeft();
      },
      async redrawMenu() {
        guard.own(() => {
          const menu = state.page.querySelector('.aside');
          if (menu) menu.replaceWith(chrome.settingsMenu(state.boot, state.area, go));
        });
      },
    };
  }

  function begin(boot, post) {
    Object.assign(state, { boot, post });
    state.page = chrome.build(boot, go);
    $(document).on('click', '.js-navigate-link', function (event) {
      if (event.ctrlKey || event.metaKey || this.target === '_blank') return;
      event.preventDefault();
      go(this.getAttribute('href'));
    });
    window.addEventListener('popstate', () => go(location.href, { push: false }));
    state.ready = enter(new URL(location.href));
    return state.ready;
  }

  return { begin, go, state, codeOfArea, handlers: () => handlers.list(goesAway) };
});
