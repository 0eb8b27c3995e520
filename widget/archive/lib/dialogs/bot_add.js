/**
 * «Добавить Telegram бота»: the token, the bot behind it, its pipeline and what happens with new people; then what to do
 * next. Nothing that was typed is lost, whatever the server answers.
 */
define([
  'jquery',
  './dialog.js',
  './token_field.js',
  './bot_fields.js',
  './pictures.js',
  './copy.js'
], function ($, Dialog, tokenField, botFields, pictures, copy) {
  'use strict';

  function begin(dialog, state) {
    const view = dialog.ctx.view;
    dialog.draw('dialogs/bot_add', {}).then(function () {
      let fields = null;
      state.isDirty = function () {
        return Boolean(token.typed());
      };
      const token = tokenField.attach(dialog, {
        found: function (answer) {
          state.bot = answer ? answer.bot : null;
          if (fields) {
            fields.example();
          }
        }
      });
      botFields.mount(dialog, {
        bot: null,
        botName: function () {
          return state.bot ? state.bot.name : view.t('dialogs.bot.example_bot');
        },
        changed: function () {}
      }).then(function (mounted) {
        fields = mounted;
      });

      function connect(text, isTakenOver) {
        const values = fields && fields.read();
        if (!values) {
          return;
        }
        const body = $.extend({ token: text }, values, isTakenOver ? { take_over: true } : {});
        dialog.submit(function () {
          return dialog.post('/bots', body);
        }, function (answer) {
          state.isDirty = null;
          state.added.push(answer.bot);
          succeed(dialog, state, answer.bot);
        }, function (error) {
          return place(dialog, token, text, error);
        });
      }

      dialog.on('submit', 'form', function (event) {
        event.preventDefault();
        if (dialog.isBusy || dialog.isReadonly()) {
          return;
        }
        const text = token.read();
        const known = text && token.answer(text);
        if (!text) {
          return;
        }
        if (known && known.conflict) {
          dialog.reveal(dialog.$body.find('.dgm-token__found'));
          dialog.$body.find('.dgm-token__found [data-dgm-do]').first().trigger('focus');
          return;
        }
        connect(text, false);
      });
      dialog.on('click', '[data-dgm-do="take-over"]', function () {
        const text = token.read();
        if (text) {
          connect(text, true);
        }
      });
    });
  }

  /** An error that is about the bot itself is shown with the bot: what the check would have said. */
  function place(dialog, token, text, error) {
    const ofToken = ['token_malformed', 'token_refused'];
    const conflicts = ['connected_here', 'connected_elsewhere', 'being_connected', 'foreign_webhook'];
    const ofPipeline = ['pipeline_unknown', 'pipeline_archived'];
    if (conflicts.indexOf(error.code) >= 0) {
      token.check(text, true);
      return true;
    }
    if (ofToken.indexOf(error.code) >= 0) {
      dialog.fieldError('token', error.message);
      return true;
    }
    if (ofPipeline.indexOf(error.code) >= 0) {
      dialog.fieldError('pipeline_id', error.message);
      return true;
    }
    return false;
  }

  function succeed(dialog, state, bot) {
    const warnings = (bot.status.details || []).filter(function (detail) {
      return detail.code === 'privacy_mode' || detail.code === 'cannot_join_groups';
    });
    dialog.draw('dialogs/bot_added', {
      bot: bot,
      avatar: pictures.of(bot.name, bot.id),
      warnings: warnings
    }).then(function () {
      pictures.guard(dialog.$body);
      copy.attach(dialog);
      dialog.on('click', '[data-dgm-do="done"]', function () {
        dialog.close({ bot: bot, bots: state.added });
      });
      dialog.on('click', '[data-dgm-do="another"]', function () {
        state.bot = null;
        dialog.ctx.refresh();
        begin(dialog, state);
      });
    });
  }

  return {
    /** @returns promise of {bot, bots} or null */
    open: function (ctx) {
      const state = { bot: null, added: [], isDirty: null };
      return Dialog.open(ctx, {
        name: 'bot-add',
        begin: function (dialog) {
          begin(dialog, state);
        },
        isDirty: function () {
          return Boolean(state.isDirty && state.isDirty());
        }
      }).then(function (result) {
        // Closed by the cross after the bot was added: it was added all the same.
        const last = state.added[state.added.length - 1];
        return result || (last ? { bot: last, bots: state.added } : null);
      });
    }
  };
});
