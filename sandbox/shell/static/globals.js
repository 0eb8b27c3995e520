/*
 * `APP` and its deprecated alias `AMOCRM`: what the documentation names ("environment variables"), and nothing else.
 * Reading another property, writing any, or setting a constant is a breach and throws.
 */
'use strict';

define(['jquery', 'shell/report', 'shell/notices'], function ($, { report }, notices) {
  const CONSTANTS = ['user', 'user_rights', 'account', 'managers', 'groups', 'task_types'];

  function strict(name, members) {
    return new Proxy(Object.freeze(members), {
      get(target, key) {
        if (typeof key === 'symbol' || Object.prototype.hasOwnProperty.call(target, key)) return target[key];
        report('APP', `${name}.${key} is not documented`);
        throw new TypeError(`${name}.${key} is not documented`);
      },
      set(_, key) {
        report('APP', `${name}.${String(key)} was written`);
        throw new TypeError(`${name} is read only`);
      },
      deleteProperty(_, key) {
        report('APP', `${name}.${String(key)} was deleted`);
        throw new TypeError(`${name} is read only`);
      },
    });
  }

  function freeze(value) {
    if (value && typeof value === 'object') {
      Object.values(value).forEach(freeze);
      Object.freeze(value);
    }
    return value;
  }

  function constants(boot) {
    const managers = {};
    for (const one of boot.users) {
      managers[one.id] = {
        id: String(one.id),
        title: one.name,
        option: one.name,
        login: one.login,
        is_admin: one.is_admin ? 'Y' : 'N',
        active: true,
        status: one.is_admin ? 'A' : 'U',
        group: 'group_0',
        free_user: 'N',
      };
    }
    return freeze({
      user: { id: boot.user.id, name: boot.user.name, login: boot.user.login, personal_mobile: '', lang: boot.lang },
      user_rights: { is_admin: boot.user.is_admin },
      account: { ...boot.account },
      managers,
      groups: { group_0: 'Отдел продаж' },
      task_types: {},
    });
  }

  /** Puts both names on the page. `where()` tells the area's code, `view()` the root element of the page shown. */
  function install(boot, where, view) {
    const known = constants(boot);
    const app = strict('APP', {
      lang_id: boot.lang,
      getBaseEntity: () => (where() === 'leads' ? 'leads' : ''),
      isCard: () => false,
      getWidgetsArea: where,
      getV3WidgetsArea: where,
      constant(key, value) {
        if (arguments.length > 1) {
          report('APP', `the constant ${key} was set to ${JSON.stringify(value)}`);
          throw new TypeError('system constants are read only for public widgets');
        }
        if (!CONSTANTS.includes(key)) report('APP', `the constant ${key} is not documented`);
        return known[key];
      },
      data: strict('APP.data', {
        get current_view() {
          return strict('APP.data.current_view', { $el: $(view()) });
        },
        current_card: false,
        current_list: undefined,
      }),
      sdk: strict('APP.sdk', {
        setCallingStatus() {},
        showUserStatus: () =>
          Object.fromEntries(
            boot.users.map((one) => [one.id, { id: String(one.id), online: one.id === boot.user.id }]),
          ),
      }),
      notifications: strict('APP.notifications', {
        add_error: (notice, callbacks) => notices.add(notice, callbacks),
        add_call: (notice, callbacks) => notices.add(notice, callbacks),
      }),
    });
    for (const name of ['APP', 'AMOCRM']) {
      Object.defineProperty(window, name, {
        get: () => app,
        set() {
          report('APP', `${name} was replaced`);
          throw new TypeError(`${name} is read only`);
        },
      });
    }
  }

  return { install };
});
