/**
 * The field for a bot's token: masked, takes BotFather's whole message, and has the server look at the token as soon as
 * it can be one. What is found (the bot, warnings, a conflict) is shown below it. The token is kept nowhere else.
 */
define(['jquery', './token_text.js', './pictures.js'], function ($, tokenText, pictures) {
  'use strict';

  const PAUSE_MS = 500;
  const LONG_PAUSE_MS = 1200;

  /**
   * @param {Dialog} dialog whose drawn state has the field `token` (template dialog_token)
   * @param {Object} options botId: the bot that the token has to be of, if it is a new token of a known bot;
   *   found(answer|null): told when a check is through or what was found is no longer true
   */
  function attach(dialog, options) {
    const $field = dialog.field('token');
    const $input = $field.find('input');
    const $found = dialog.$body.find('.dgm-token__found');
    const t = dialog.ctx.view.t;
    let turn = 0;
    let checked = null;
    let checking = null;

    function typed() {
      return $.trim($input.val());
    }

    /** The token that was typed, or null with the reason at the field. */
    function read() {
      const text = typed();
      const tokens = tokenText.find(text);
      if (tokens.length === 1) {
        return tokens[0];
      }
      dialog.fieldError('token', complaint(text, tokens));
      return null;
    }

    function complaint(text, tokens) {
      if (!text) {
        return t('dialogs.token.empty');
      }
      return tokens.length ? t('dialogs.token.several') : t('dialogs.token.malformed');
    }

    function forget() {
      turn += 1;
      checked = null;
      checking = null;
      dialog.cancelLater('token');
      $found.empty();
      dialog.recentre();
      options.found(null);
    }

    function show(template, params) {
      const mine = turn;
      return dialog.when(dialog.ctx.view.render(template, $.extend({ uid: dialog.uid }, params))).then(function (html) {
        if (mine === turn) {
          $found.html(html);
          pictures.guard($found);
          dialog.recentre();
        }
      });
    }

    /** Have the server look at the token; a promise of what it says. The same token is asked about once. */
    function check(token, isAgain) {
      if (checking && checking.token === token && !isAgain) {
        return checking.promise;
      }
      turn += 1;
      const mine = turn;
      const result = $.Deferred();
      checking = { token: token, promise: result.promise() };
      if (!isAgain) {
        show('dialogs/token_checking', {});
      }
      dialog.when(dialog.ctx.api.post('/bots/check', { token: token })).then(
        function (answer) {
          if (mine !== turn) {
            return;
          }
          checked = { token: token, answer: answer };
          present(answer);
          options.found(answer);
          result.resolve(answer);
        },
        function (error) {
          if (mine !== turn) {
            return;
          }
          checking = null;
          $found.empty();
          if (error.field === 'token' || isOfToken(error.code)) {
            dialog.markField('token', error.message);
          } else {
            show('dialogs/token_failed', { message: error.message });
          }
          result.reject(error);
        }
      );
      return result.promise();
    }

    function present(answer) {
      const isOther = Boolean(options.botId) && answer.bot.id !== options.botId;
      // A new token of a bot that is here already: that it is here is no conflict.
      const isOwn = Boolean(options.botId) && !isOther;
      const conflict = isOwn && answer.conflict && answer.conflict.code === 'connected_here' ? null : answer.conflict;
      show('dialogs/token_found', {
        bot: answer.bot,
        avatar: pictures.of(answer.bot.name, answer.bot.id),
        warnings: answer.warnings,
        conflict: conflict,
        // twig.js takes nothing but `true` for true in an elseif
        hasConflict: Boolean(conflict),
        mayTakeOver: Boolean(conflict) && conflict.code === 'foreign_webhook',
        isOther: isOther
      });
    }

    function isOfToken(code) {
      return ['token_malformed', 'token_refused'].indexOf(code) >= 0;
    }

    function takeText(text) {
      const tokens = tokenText.find(text);
      if (tokens.length !== 1) {
        return false;
      }
      $input.val(tokens[0]).trigger('input');
      return true;
    }

    dialog.on('paste drop', '.dgm-token__input', function (event) {
      const original = event.originalEvent;
      const data = original && (original.clipboardData || original.dataTransfer);
      // A one-line field would run the lines of a message together, so the token is taken out before.
      const text = data ? data.getData('text') : '';
      if (takeText(text)) {
        event.preventDefault();
      } else if (/\s/.test($.trim(text))) {
        event.preventDefault();
        dialog.fieldError('token', complaint(text, tokenText.find(text)));
      }
    });

    dialog.on('input', '.dgm-token__input', function () {
      forget();
      const tokens = tokenText.find(typed());
      if (typed()) {
        dialog.later('token', tokens.length === 1 ? PAUSE_MS : LONG_PAUSE_MS, function () {
          if (tokens.length === 1) {
            check(tokens[0]);
          } else {
            dialog.markField('token', complaint(typed(), tokens));
          }
        });
      }
    });

    dialog.on('click', '.dgm-token__show', function () {
      const isShown = $input.attr('type') === 'text';
      $input.attr('type', isShown ? 'password' : 'text');
      $(this).attr('aria-pressed', String(!isShown)).toggleClass('dgm-token__show_on', !isShown);
      $input.trigger('focus');
    });

    dialog.on('click', '[data-dgm-do="check-token"]', function () {
      const token = read();
      const $button = $(this);
      if (token && !$button.hasClass('dgm-link_busy')) {
        $button.addClass('dgm-link_busy').attr('aria-disabled', 'true');
        check(token, true);
      }
    });

    return {
      read: read,
      check: check,
      typed: typed,
      /** What the last check said of this token, or null. */
      answer: function (token) {
        return checked && checked.token === token ? checked.answer : null;
      },
      forget: function () {
        $input.val('');
        forget();
      }
    };
  }

  return { attach: attach };
});
