/**
 * The account's settings: who links groups, how conversations stand in the cards, what becomes of links when something
 * happens to a deal. Only changed values are sent; what is not saved is not thrown away without asking.
 */
define(['jquery', './dialog.js', './select.js', './changes.js'], function ($, Dialog, Select, changes) {
  'use strict';

  const MAX_IMPORTED = 100;

  function selects(t) {
    return {
      on_deal_closed: [
        { id: 'keep', title: t('dialogs.settings.closed_keep') },
        { id: 'unlink', title: t('dialogs.settings.closed_unlink') }
      ],
      on_deal_moved: [
        { id: 'keep', title: t('dialogs.settings.moved_keep') },
        { id: 'unlink', title: t('dialogs.settings.moved_unlink') }
      ],
      on_deal_merged: [
        { id: 'follow', title: t('dialogs.settings.merged_follow') },
        { id: 'unlink', title: t('dialogs.settings.merged_unlink') }
      ],
      on_deal_deleted: [
        { id: 'unlink', title: t('dialogs.settings.deleted_unlink') },
        { id: 'keep', title: t('dialogs.settings.deleted_keep') }
      ],
      on_deal_restored: [
        { id: 'relink', title: t('dialogs.settings.restored_relink') },
        { id: 'stay', title: t('dialogs.settings.restored_stay') }
      ]
    };
  }

  function begin(dialog, state) {
    const ctx = dialog.ctx;
    const caption = ctx.view.t('dialogs.settings.caption');
    // Not what the page knows: somebody else may have changed them a moment ago.
    dialog.load(caption, function () {
      return ctx.api.get('/account', {});
    }, function (account) {
      show(dialog, state, account.settings);
    });
  }

  function show(dialog, state, settings) {
    const t = dialog.ctx.view.t;
    const mounted = {};

    function chosen(name) {
      return dialog.$body.find('[name="' + name + '"]:checked').val();
    }

    function ticked(name) {
      return dialog.$body.find('[name="' + name + '"]').prop('checked');
    }

    /** Everything as it stands now. What cannot be a value stays as it was typed. */
    function values() {
      const now = {
        everyone_may_link: chosen('everyone_may_link') === '1',
        policy: chosen('policy'),
        other_bots: ticked('other_bots') ? 'show' : 'ignore',
        import_last_messages: dialog.$body.find('[name="import_last_messages"]').val().trim(),
        contact_tag: dialog.$body.find('[name="contact_tag"]').val().trim()
      };
      ['manager_names', 'link_previews', 'service_lines', 'notes', 'topic_links'].forEach(function (name) {
        now[name] = ticked(name);
      });
      Object.keys(mounted).forEach(function (name) {
        now[name] = mounted[name].value();
      });
      if (/^\d{1,3}$/.test(now.import_last_messages)) {
        now.import_last_messages = Number(now.import_last_messages);
      }
      return now;
    }

    function changed() {
      const names = Object.keys(changes.between(settings, values()));
      state.isChanged = names.length > 0;
      dialog.$body.find('.dgm-dialog__submit').toggleClass('button-input-disabled', !state.isChanged)
        .prop('disabled', !state.isChanged);
      dialog.$body.find('.dgm-settings__example').each(function () {
        const isOn = ticked($(this).attr('data-dgm-for'));
        $(this).toggleClass('dgm-settings__example_on', isOn);
      });
    }

    function save() {
      const now = changes.between(settings, values());
      const count = now.import_last_messages;
      if (count !== undefined && (typeof count !== 'number' || count > MAX_IMPORTED)) {
        dialog.fieldError('import_last_messages', t('dialogs.settings.import_range', { max: MAX_IMPORTED }));
        return;
      }
      if (!Object.keys(now).length) {
        return;
      }
      dialog.submit(function () {
        return dialog.ctx.api.patch('/settings', now);
      }, function (answer) {
        state.isChanged = false;
        dialog.close({ settings: answer.settings });
      });
    }

    dialog.draw('dialogs/account_settings', { settings: settings, max: MAX_IMPORTED }).then(function () {
      const offers = selects(t);
      const all = Object.keys(offers).map(function (name) {
        return Select.mount(dialog, dialog.field(name).find('.dgm-field__control'), {
          name: name,
          label: dialog.uid + '-' + name + '-label',
          items: offers[name],
          selected: settings[name],
          disabled: dialog.isReadonly(),
          changed: changed
        }).then(function (select) {
          mounted[name] = select;
        });
      });
      $.when.apply($, all).then(function () {
        changed();
        dialog.recentre();
      });
      dialog.on('change input', 'input', changed);
      dialog.on('submit', 'form', function (event) {
        event.preventDefault();
        if (!dialog.isReadonly()) {
          save();
        }
      });
    });
  }

  return {
    /** @returns promise of {settings} or null */
    open: function (ctx) {
      const state = { isChanged: false };
      return Dialog.open(ctx, {
        name: 'account-settings',
        begin: function (dialog) {
          begin(dialog, state);
        },
        isDirty: function () {
          return state.isChanged;
        }
      });
    }
  };
});
