/**
 * The settings of a connected bot: what is wrong with it and what to do, its pipeline, what happens with new people, and
 * a new token in place of one that was revoked. Only what was changed is sent.
 */
define([
  'jquery',
  './dialog.js',
  './token_field.js',
  './bot_fields.js',
  './pictures.js',
  './changes.js'
], function ($, Dialog, tokenField, botFields, pictures, changes) {
  'use strict';

  function begin(dialog, state) {
    const ctx = dialog.ctx;
    const t = ctx.view.t;
    let fields = null;
    let initial = null;
    let token = null;

    function path(rest) {
      return '/bots/' + state.bot.id + (rest || '');
    }

    function changed() {
      const now = fields && initial ? changes.between(initial, fields.peek()) : {};
      const isChanged = Object.keys(now).length > 0 || Boolean(token && token.typed());
      state.isChanged = isChanged;
      dialog.$body.find('.dgm-dialog__submit').toggleClass('button-input-disabled', !isChanged)
        .prop('disabled', !isChanged);
    }

    function drawStatus() {
      const params = { uid: dialog.uid, bot: state.bot, readonly: dialog.isReadonly() };
      return dialog.when(ctx.view.render('dialogs/bot_status', params)).then(function (html) {
        dialog.$body.find('.dgm-bot-status').html(html);
        dialog.recentre();
      });
    }

    function act($button, ask) {
      if ($button.attr('aria-disabled') === 'true') {
        return;
      }
      $button.attr('aria-disabled', 'true').addClass('dgm-link_busy');
      dialog.clearErrors();
      dialog.when(ask()).then(function (answer) {
        state.bot = answer.bot;
        state.isActed = true;
        drawStatus().then(function () {
          const $next = dialog.$body.find('.dgm-bot-status button').first();
          $next.add(dialog.$body.find('.dgm-dialog__inner')).first().trigger('focus');
        });
      }, function (error) {
        $button.attr('aria-disabled', 'false').removeClass('dgm-link_busy');
        dialog.fail(error);
      });
    }

    function openToken() {
      const $section = dialog.$body.find('.dgm-bot-token');
      $section.find('.dgm-bot-token__closed').prop('hidden', true);
      $section.find('.dgm-bot-token__open').prop('hidden', false);
      dialog.recentre();
      $section.find('.dgm-token__input').trigger('focus');
    }

    function save() {
      const values = fields && fields.read();
      const text = token.typed() ? token.read() : null;
      if (!values || (token.typed() && !text)) {
        return;
      }
      const answer = text && token.answer(text);
      if (answer && answer.bot.id !== state.bot.id) {
        dialog.fieldError('token', t('dialogs.bot_edit.other_bot', { username: answer.bot.username }));
        return;
      }
      const body = $.extend(changes.between(initial, values), text ? { token: text } : {});
      dialog.submit(function () {
        return ctx.api.patch(path(), body);
      }, function (saved) {
        dialog.close({ bot: saved.bot });
      }, function (error) {
        return place(dialog, error);
      });
    }

    dialog.draw('dialogs/bot_edit', { bot: state.bot, avatar: pictures.of(state.bot.name, state.bot.id) }).then(function () {
      pictures.guard(dialog.$body);
      drawStatus();
      token = tokenField.attach(dialog, { botId: state.bot.id, found: changed });
      botFields.mount(dialog, {
        bot: state.bot,
        botName: function () {
          return state.bot.name;
        },
        changed: changed
      }).then(function (mounted) {
        fields = mounted;
        initial = changes.of(state.bot);
        changed();
        if (state.section === 'token' && !dialog.isReadonly()) {
          openToken();
        } else if (state.section === 'pipeline') {
          fields.focusPipeline();
        }
      });

      dialog.on('submit', 'form', function (event) {
        event.preventDefault();
        if (state.isChanged && !dialog.isReadonly()) {
          save();
        }
      });
      dialog.on('click', '[data-dgm-do="check"]', function () {
        act($(this), function () {
          return ctx.api.post(path('/check'), {});
        });
      });
      dialog.on('click', '[data-dgm-do="take_back"]', function () {
        act($(this), function () {
          return ctx.api.post(path('/take-back'), {});
        });
      });
      dialog.on('click', '[data-dgm-do="replace_token"]', openToken);
      dialog.on('click', '[data-dgm-do="keep-token"]', function () {
        token.forget();
        dialog.clearFieldError('token');
        dialog.$body.find('.dgm-bot-token__open').prop('hidden', true);
        dialog.$body.find('.dgm-bot-token__closed').prop('hidden', false).find('button').trigger('focus');
        changed();
        dialog.recentre();
      });
      dialog.on('click', '[data-dgm-do="choose_pipeline"]', function () {
        dialog.reveal(dialog.field('pipeline_id'));
        fields.focusPipeline();
      });
    });
  }

  function place(dialog, error) {
    const fieldOf = {
      token_malformed: 'token',
      token_refused: 'token',
      other_bot: 'token',
      pipeline_unknown: 'pipeline_id',
      pipeline_archived: 'pipeline_id'
    };
    if (!fieldOf[error.code]) {
      return false;
    }
    dialog.fieldError(fieldOf[error.code], error.message);
    return true;
  }

  return {
    /** @returns promise of {bot} or null */
    open: function (ctx, argument) {
      const state = { bot: argument.bot, section: argument.section || null, isChanged: false, isActed: false };
      return Dialog.open(ctx, {
        name: 'bot-edit',
        begin: function (dialog) {
          begin(dialog, state);
        },
        isDirty: function () {
          return state.isChanged;
        }
      }).then(function (result) {
        return result || (state.isActed ? { bot: state.bot } : null);
      });
    }
  };
});
