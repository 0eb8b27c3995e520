/**
 * What every dialog of the settings page has in common, over amoCRM's Modal.
 *
 * A dialog draws twig templates into the modal's body, keeps the keyboard inside, shows errors at the fields they belong
 * to, asks before unsaved changes are thrown away, and gives the focus back to where it came from. Once it is closed,
 * nothing of it is left: no listener, no timer, and answers that come late are not heard.
 */
define([
  'jquery',
  'lib/components/base/modal',
  './field_errors.js',
  './focus.js'
], function ($, Modal, withErrors, withFocus) {
  'use strict';

  const SPACE = '.dgm-dialog';
  const PATIENCE_MS = 250;
  const UNSURE = ['timeout', 'network', 'in_progress', 'unavailable'];
  const opened = [];
  let made = 0;

  /**
   * @param {Object} ctx what the page gives: self, api, view, store, refresh
   * @param {Object} options name; begin(dialog) draws the first state; isDirty() tells of unsaved changes, if it can
   */
  function Dialog(ctx, options) {
    made += 1;
    this.ctx = ctx;
    this.options = options;
    this.uid = 'dgm-dialog-' + made;
    this.isOpen = true;
    this.isBusy = false;
    this.$body = $();
    this.finished = $.Deferred();
    this.timers = {};
    this.cleanups = [];
    this.mayClose = false;
    this.result = null;
    this.unsure = null;
    this.drawn = 0;
  }

  withErrors(Dialog);
  withFocus(Dialog);

  Dialog.prototype.start = function () {
    const dialog = this;
    this.opener = document.activeElement;
    opened.push(this);
    this.modal = new Modal({
      class_name: 'dgm-dialog dgm-dialog_' + this.options.name,
      disable_enter_keydown: true,
      focus_element: '[data-dgm-focus]',
      init: function ($body) {
        dialog.$body = $body;
        dialog.listen();
        dialog.options.begin(dialog);
      },
      destroy: function () {
        return dialog.leave();
      }
    });
    return this.finished.promise();
  };

  /** Draw a template in place of what is shown; the promise gives the dialog when it stands. */
  Dialog.prototype.draw = function (template, params) {
    const dialog = this;
    const result = $.Deferred();
    this.drawn += 1;
    const turn = this.drawn;
    const all = $.extend({ uid: this.uid, readonly: this.isReadonly() }, params);
    this.when(this.ctx.view.render(template, all)).then(function (html) {
      if (turn !== dialog.drawn) {
        return;
      }
      dialog.setBusy(false);
      dialog.$body.trigger('modal:loaded').html(html).trigger('modal:centrify');
      dialog.focusFirst();
      result.resolve(dialog);
    }, function (error) {
      // Not even the template can be had: there is nothing to draw but the words.
      const $inner = $('<div class="modal-body__inner dgm-dialog__inner" tabindex="-1"></div>').text(error.message);
      dialog.$body.trigger('modal:loaded').empty().append($inner).trigger('modal:centrify');
    });
    return result.promise();
  };

  /**
   * Show that something is being fetched, then `show(answer)`; a failure is shown with a button to try again.
   * `ask()` gives the promise.
   */
  Dialog.prototype.load = function (caption, ask, show) {
    const dialog = this;
    // An answer that comes at once is not announced by a flash.
    this.later('loading', PATIENCE_MS, function () {
      dialog.draw('dialogs/loading', { caption: caption });
    });
    this.when(ask()).then(function (answer) {
      dialog.cancelLater('loading');
      show(answer);
    }, function (error) {
      dialog.cancelLater('loading');
      dialog.draw('dialogs/failed', { caption: caption, message: error.message }).then(function () {
        dialog.on('click', '[data-dgm-do="again"]', function () {
          dialog.load(caption, ask, show);
        });
      });
    });
  };

  /** Hear events inside the dialog, until another state is drawn in its place. */
  Dialog.prototype.on = function (events, selector, handler) {
    const turn = this.drawn;
    const dialog = this;
    const spaced = events.split(' ').map(function (one) {
      return one + SPACE;
    });
    this.$body.on(spaced.join(' '), selector, function (event) {
      return turn === dialog.drawn && dialog.isOpen ? handler.call(this, event) : undefined;
    });
  };

  /** The same promise, but silent once the dialog is closed. */
  Dialog.prototype.when = function (promise) {
    const dialog = this;
    const heard = $.Deferred();
    promise.then(
      function (value) {
        if (dialog.isOpen) {
          heard.resolve(value);
        }
      },
      function (error) {
        if (dialog.isOpen) {
          heard.reject(error);
        }
      }
    );
    return heard.promise();
  };

  /** Do something a little later; a second call with the same name replaces the first. */
  Dialog.prototype.later = function (name, pauseMs, action) {
    clearTimeout(this.timers[name]);
    this.timers[name] = setTimeout(action, pauseMs);
  };

  Dialog.prototype.cancelLater = function (name) {
    clearTimeout(this.timers[name]);
  };

  /** Have something undone when the dialog closes. */
  Dialog.prototype.atEnd = function (cleanup) {
    this.cleanups.push(cleanup);
  };

  /**
   * Post a change. After an answer that leaves open whether it was made, the same change goes out under the same id, so
   * that it is made once.
   */
  Dialog.prototype.post = function (path, body) {
    const dialog = this;
    const key = path + JSON.stringify(body);
    if (!this.unsure || this.unsure.key !== key) {
      this.unsure = { key: key, id: this.ctx.api.newRequestId() };
    }
    const promise = this.ctx.api.post(path, $.extend({ request_id: this.unsure.id }, body));
    promise.then(null, function (error) {
      if (UNSURE.indexOf(error.code) < 0) {
        dialog.unsure = null;
      }
    });
    return promise;
  };

  /**
   * Send a change: once, however often the button is pressed. What fails is shown, and everything typed stays. An answer
   * that comes after the dialog was closed makes the page look again.
   */
  Dialog.prototype.submit = function (send, done, failed) {
    const dialog = this;
    if (this.isBusy || !this.isOpen) {
      return;
    }
    // What is said stays until there is an answer, or a second press would find the button somewhere else.
    this.setBusy(true);
    send().then(
      function (answer) {
        if (!dialog.isOpen) {
          dialog.ctx.refresh();
          return;
        }
        dialog.setBusy(false);
        dialog.clearErrors();
        done(answer);
      },
      function (error) {
        if (!dialog.isOpen) {
          return;
        }
        dialog.setBusy(false);
        dialog.clearErrors();
        if (!failed || !failed(error)) {
          dialog.fail(error);
        }
      }
    );
  };

  Dialog.prototype.setBusy = function (isBusy) {
    this.isBusy = isBusy;
    this.$body.find('.dgm-dialog__inner').toggleClass('dgm-dialog__inner_busy', isBusy).attr('aria-busy', String(isBusy));
    this.$body.find('.dgm-dialog__submit').attr('aria-disabled', String(isBusy));
  };

  Dialog.prototype.isReadonly = function () {
    const account = this.ctx.store.account;
    return Boolean(account && account.user && !account.user.is_admin);
  };

  Dialog.prototype.recentre = function () {
    this.$body.trigger('modal:centrify');
  };

  /** Close and give `result` to whoever opened the dialog. */
  Dialog.prototype.close = function (result) {
    if (!this.isOpen) {
      return;
    }
    this.result = result || null;
    this.mayClose = true;
    this.modal.destroy();
    this.end();
  };

  /** The modal asks whether it may close. */
  Dialog.prototype.leave = function () {
    const isDirty = this.options.isDirty;
    if (this.isOpen && !this.mayClose && !this.isBusy && isDirty && isDirty()) {
      this.askToLeave();
      return false;
    }
    this.end();
    return undefined;
  };

  Dialog.prototype.askToLeave = function () {
    const dialog = this;
    const $asked = this.$body.find('.dgm-dialog__unsaved');
    if ($asked.length) {
      $asked.find('button').first().trigger('focus');
      return;
    }
    const before = document.activeElement;
    this.when(this.ctx.view.render('dialogs/unsaved', { uid: this.uid })).then(function (html) {
      if (dialog.$body.find('.dgm-dialog__unsaved').length) {
        return; // Escape was pressed twice, faster than the question could be drawn
      }
      const $inner = dialog.$body.find('.dgm-dialog__inner').addClass('dgm-dialog__inner_asking');
      $inner.find('.modal-body__actions').first().before(html);
      const $bar = $inner.find('.dgm-dialog__unsaved');
      const back = function () {
        $bar.remove();
        $inner.removeClass('dgm-dialog__inner_asking');
        dialog.recentre();
      };
      $bar.on('click' + SPACE, '[data-dgm-do]', function () {
        const what = $(this).attr('data-dgm-do');
        back();
        if (what === 'discard') {
          dialog.close(null);
        } else {
          $(before).trigger('focus');
        }
      });
      dialog.recentre();
      dialog.reveal($bar);
      $bar.find('button').first().trigger('focus');
    });
  };

  Dialog.prototype.listen = function () {
    const dialog = this;
    this.$body.on('keydown' + SPACE, function (event) {
      if (event.key === 'Tab') {
        dialog.keepFocus(event);
      } else if (dialog.isBusy && event.key === 'Enter') {
        event.preventDefault();
      }
    });
    this.$body.on('input' + SPACE + ' change' + SPACE, '[data-dgm-field]', function (event) {
      // A text's `change` comes with the press of a button, which must not move away under the pointer.
      if (event.type === 'input' || !$(event.target).is('input[type="text"], input[type="password"]')) {
        dialog.clearFieldError($(event.currentTarget).attr('data-dgm-field'));
      }
    });
  };

  Dialog.prototype.end = function () {
    if (!this.isOpen) {
      return;
    }
    this.isOpen = false;
    opened.splice(opened.indexOf(this), 1);
    Object.keys(this.timers).forEach(function (name) {
      clearTimeout(this.timers[name]);
    }, this);
    this.cleanups.forEach(function (cleanup) {
      cleanup();
    });
    this.$body.off(SPACE);
    this.giveFocusBack(function () {
      return !opened.length;
    });
    this.finished.resolve(this.result);
  };

  return {
    open: function (ctx, options) {
      return new Dialog(ctx, options).start();
    },
    /** Close whatever is open, without asking: the page goes away. */
    closeAll: function () {
      opened.slice().forEach(function (dialog) {
        dialog.close(null);
      });
    }
  };
});
