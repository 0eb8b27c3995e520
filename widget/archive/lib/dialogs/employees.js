/**
 * Employees: which people in Telegram groups are users of amoCRM. What they write in a group is shown in the cards as
 * theirs and not as a client's.
 */
define(['jquery', './dialog.js', './select.js', './suggest.js', './pictures.js'], function (
  $,
  Dialog,
  Select,
  Suggest,
  pictures
) {
  'use strict';

  const NAME = /^@?[A-Za-z][A-Za-z0-9_]{3,31}$/;
  const LINK = /^(?:https?:\/\/)?t\.me\/([A-Za-z][A-Za-z0-9_]{3,31})\/?$/i;
  const ID = /^\d{1,16}$/;

  function begin(dialog, state) {
    const ctx = dialog.ctx;
    dialog.load(ctx.view.t('dialogs.employees.caption'), function () {
      return $.when(ctx.api.get('/employees', {}), ctx.api.get('/users', {})).then(function (employees, users) {
        return { employees: employees.employees, users: users.users };
      });
    }, function (found) {
      state.employees = found.employees;
      show(dialog, state, found.users);
    });
  }

  function show(dialog, state, users) {
    const ctx = dialog.ctx;
    const t = ctx.view.t;
    let select = null;
    let person = null;

    function $input() {
      return dialog.field('user_id').find('input');
    }

    function drawList() {
      const list = state.employees.map(function (one) {
        return $.extend({}, one, { avatar: pictures.of(one.name, one.user_id) });
      });
      const params = { uid: dialog.uid, employees: list, readonly: dialog.isReadonly() };
      return dialog.when(ctx.view.render('dialogs/employees_list', params)).then(function (html) {
        dialog.$body.find('.dgm-employees').html(html);
        dialog.recentre();
      });
    }

    /** Who is meant: chosen from the offers, or typed as a number, a name or a link. */
    function meant() {
      const text = $.trim($input().val());
      const link = LINK.exec(text);
      if (person && person.shown === text) {
        return { user_id: person.user_id };
      }
      if (ID.test(text)) {
        return { user_id: Number(text) };
      }
      if (link || NAME.test(text)) {
        return { username: (link ? link[1] : text).replace('@', '') };
      }
      return null;
    }

    function add() {
      const who = meant();
      if (!who) {
        dialog.fieldError('user_id', $.trim($input().val()) ? t('dialogs.employees.unclear') : t('dialogs.employees.empty'));
        return;
      }
      const user = Number(select.value());
      if (!user) {
        dialog.fieldError('amo_user_id', t('dialogs.employees.user_missing'));
        return;
      }
      dialog.submit(function () {
        return dialog.post('/employees', $.extend(who, { amo_user_id: user }));
      }, function (answer) {
        state.isChanged = true;
        person = null;
        $input().val('');
        take(answer.employee).then(function () {
          $input().trigger('focus');
        });
      }, function (error) {
        if (error.field === 'username') {
          dialog.fieldError('user_id', error.message);
        }
        return error.field === 'username';
      });
    }

    /** The list with somebody who was added or now stands for another user. */
    function take(added) {
      state.employees = state.employees.filter(function (one) {
        return one.user_id !== added.user_id;
      }).concat(added);
      return drawList();
    }

    function remove(id) {
      dialog.submit(function () {
        return ctx.api.remove('/employees/' + id);
      }, function () {
        state.isChanged = true;
        state.employees = state.employees.filter(function (one) {
          return String(one.user_id) !== id;
        });
        drawList().then(function () {
          $input().trigger('focus');
        });
      });
    }

    dialog.draw('dialogs/employees', {}).then(function () {
      drawList();
      if (dialog.isReadonly()) {
        return;
      }
      Select.mount(dialog, dialog.field('amo_user_id').find('.dgm-field__control'), {
        name: 'amo_user_id',
        label: dialog.uid + '-amo-user-label',
        items: users.map(function (user) {
          return { id: user.id, title: user.name };
        }),
        selected: null,
        placeholder: t('dialogs.employees.user_choose')
      }).then(function (mounted) {
        select = mounted;
      });
      Suggest.attach(dialog, dialog.field('user_id'), {
        ask: function (text) {
          return ctx.api.get('/people', { q: text }).then(function (answer) {
            return answer.people;
          });
        },
        show: function (one) {
          const name = one.username ? '@' + one.username : String(one.user_id);
          return { title: one.name, note: [name].concat(one.groups).join(' · ') };
        },
        taken: function (one) {
          person = { user_id: one.user_id, shown: (one.username ? '@' + one.username : one.name).trim() };
          $input().val(person.shown);
          dialog.clearFieldError('user_id');
          select.focus();
        }
      });
      dialog.on('submit', 'form', function (event) {
        event.preventDefault();
        if (select) {
          add();
        }
      });
      dialog.on('click', '[data-dgm-do="remove"]', function () {
        const $row = $(this).closest('.dgm-employees__row').addClass('dgm-employees__row_asking');
        $row.find('[data-dgm-do="remove-keep"]').trigger('focus');
      });
      dialog.on('click', '[data-dgm-do="remove-keep"]', function () {
        const $row = $(this).closest('.dgm-employees__row').removeClass('dgm-employees__row_asking');
        $row.find('[data-dgm-do="remove"]').trigger('focus');
      });
      dialog.on('click', '[data-dgm-do="remove-sure"]', function () {
        remove($(this).closest('.dgm-employees__row').attr('data-id'));
      });
    });
  }

  return {
    /** @returns promise of {employees} if they were changed, else null */
    open: function (ctx) {
      const state = { employees: [], isChanged: false };
      return Dialog.open(ctx, {
        name: 'employees',
        begin: function (dialog) {
          begin(dialog, state);
        }
      }).then(function () {
        return state.isChanged ? { employees: state.employees } : null;
      });
    }
  };
});
