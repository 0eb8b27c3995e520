/**
 * «Этапы подключения»: what has been set up in amoCRM and what has not, and why. It follows what happens while it is open.
 */
define(['jquery', './dialog.js'], function ($, Dialog) {
  'use strict';

  const LOOK_EVERY_MS = 3000;

  function begin(dialog, state) {
    const ctx = dialog.ctx;
    const caption = ctx.view.t('dialogs.setup.caption');
    if (ctx.store.account && ctx.store.account.setup) {
      show(dialog, state, ctx.store.account.setup);
    } else {
      dialog.load(caption, function () {
        return ctx.api.get('/account', {});
      }, function (account) {
        show(dialog, state, account.setup);
      });
    }
  }

  function show(dialog, state, setup) {
    const ctx = dialog.ctx;
    dialog.draw('dialogs/setup', {}).then(function () {
      function drawSteps(now) {
        const text = JSON.stringify(now);
        if (text === state.shown) {
          return;
        }
        state.shown = text;
        const params = {
          uid: dialog.uid,
          setup: now,
          readonly: dialog.isReadonly(),
          mustAuthorise: mustAuthorise(ctx.store.account, now)
        };
        dialog.when(ctx.view.render('dialogs/setup_steps', params)).then(function (html) {
          const had = document.activeElement && document.activeElement.getAttribute('data-dgm-do');
          dialog.$body.find('.dgm-setup').html(html);
          if (had === 'retry') {
            dialog.$body.find('.dgm-setup [data-dgm-do="retry"]').add(dialog.$body.find('.dgm-dialog__inner')).first()
              .trigger('focus');
          }
          dialog.recentre();
        });
      }

      function look() {
        dialog.later('look', LOOK_EVERY_MS, function () {
          dialog.when(ctx.api.get('/account', {})).then(function (account) {
            ctx.store.account = account;
            drawSteps(account.setup);
            look();
          }, look);
        });
      }

      drawSteps(setup);
      if (ctx.watch) {
        dialog.atEnd(ctx.watch(function (store) {
          if (dialog.isOpen && store.account) {
            drawSteps(store.account.setup);
          }
        }));
      } else {
        look();
      }

      dialog.on('click', '[data-dgm-do="retry"]', function () {
        dialog.submit(function () {
          return dialog.post('/setup/retry', {});
        }, function (answer) {
          state.isRetried = true;
          if (ctx.store.account) {
            ctx.store.account.setup = answer.setup;
          }
          drawSteps(answer.setup);
          ctx.refresh();
        });
      });
    });
  }

  /** Whether nothing goes on before somebody has allowed access anew. */
  function mustAuthorise(answer, setup) {
    const account = answer ? answer.account : {};
    const isRefused = Boolean(account.trouble) && account.trouble.code === 'no_rights';
    return Boolean(setup.authorise_url) && (account.status === 'reauthorise' || isRefused);
  }

  return {
    /** @returns promise of {setup: true} if something was begun anew, else null */
    open: function (ctx) {
      const state = { shown: '', isRetried: false };
      return Dialog.open(ctx, {
        name: 'setup',
        begin: function (dialog) {
          begin(dialog, state);
        }
      }).then(function () {
        return state.isRetried ? { setup: true } : null;
      });
    }
  };
});
