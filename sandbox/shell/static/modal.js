/*
 * The module `lib/components/base/modal` (documentation, "system modules"; amoCRM widget §1.4): amoCRM's window, with the
 * documented options and methods; `preload_templates`, whose form is not documented, is a breach. Windows stack; the
 * uppermost hears the keyboard; a change of the page closes them all.
 */
'use strict';

define(['jquery', 'shell/report', 'shell/guard'], function ($, { report }, guard) {
  const stack = [];
  const SHELL =
    '<div class="modal"><div class="modal-scroller custom-scroll"><div class="modal-body modal-body-loading"></div></div></div>' +
    '<div class="default-overlay modal-overlay"><span class="modal-overlay__spinner spinner-icon spinner-icon-abs-center"></span></div>';

  function Modal(options) {
    const self = this;
    const given = { class_name: 'modal-list', focus_element: '.js-modal-accept', container: document.body, ...options };
    if (given.preload_templates) report('modal', 'preload_templates: it is not documented how a template is named there');
    this.options = given;
    this.isGone = false;
    guard.own(() => {
      self.$modal = $(SHELL).first().addClass(given.class_name);
      self.$overlay = $(SHELL).last().appendTo(self.$modal);
      self.$modal_body = self.$modal.find('.modal-body');
      if (given.default_overlay) self.$overlay.addClass('modal-overlay--filled');
      if (given.init_animation) self.$modal.addClass('modal-animated');
      $(given.container || document.body).append(self.$modal);
      $('body').addClass('body-with-modal');
    });
    guard.allow(this.$modal[0]);
    stack.push(this);
    this.$before = $(document.activeElement);
    this.bind();
    if (given.init) given.init.call(this, this.$modal_body);
    if (!this.isGone) this.focus();
  }

  Modal.prototype.bind = function () {
    const self = this;
    const { $modal, $modal_body: $body, options } = this;
    let pressed = null;

    $body.on('modal:loaded', () => {
      $body.removeClass('modal-body-loading');
      self.$overlay.removeClass('modal-overlay--loading');
      if (!self.isShown) {
        self.isShown = true;
        setTimeout(() => self.focus());
      }
    });
    $body.on('modal:loading', () => self.requestStart());
    $body.on('modal:centrify', () => self.centrify());
    $modal.on('click', '.modal-body__close', () => {
      if (!options.disable_cancel_click) self.destroy();
    });
    $modal.on('click', '.modal-body__actions .button-cancel', (event) => {
      event.preventDefault();
      if (!options.disable_cancel_click) self.destroy();
    });
    $modal.on('click', '.js-modal-accept', function () {
      if (!$(this).hasClass('button-input-disabled')) self.requestStart();
    });
    const $scroller = $modal.children('.modal-scroller');
    $scroller.on('mousedown', (event) => (pressed = event.target));
    $scroller.on('click', (event) => {
      const isOutside = event.target === $scroller[0] && pressed === $scroller[0];
      if (isOutside && !options.disable_overlay_click && !options.disable_cancel_click) self.destroy();
    });
  };

  Modal.prototype.focus = function () {
    const $wanted = this.$modal.find(this.options.focus_element).first();
    if ($wanted.length && !this.$modal[0].contains(document.activeElement)) $wanted.trigger('focus');
  };

  /** Only the body's place is amoCRM's affair; what stands in it is the widget's. */
  Modal.prototype.centrify = function () {
    if (this.isGone) return;
    const $body = this.$modal_body;
    const room = this.$modal.children('.modal-scroller').height() || window.innerHeight;
    $body.css('margin-top', Math.max(20, Math.round((room - $body.outerHeight()) / 2)));
  };

  Modal.prototype.show = function () {
    this.$modal.show();
  };

  Modal.prototype.hide = function () {
    this.$modal.hide();
  };

  Modal.prototype.requestStart = function () {
    this.$overlay.addClass('modal-overlay--loading');
  };

  Modal.prototype.shakeError = function () {
    const $body = this.$modal_body.removeClass('animated shake');
    this.$overlay.removeClass('modal-overlay--loading');
    setTimeout(() => $body.addClass('animated shake'));
  };

  Modal.prototype.showError = function (text, retry = true) {
    this.message('modal-body__inner__error', text || 'Произошла ошибка', retry);
  };

  Modal.prototype.showSuccess = function (text, callback, delay = 500) {
    this.message('modal-body__inner__success', text, false);
    setTimeout(() => {
      this.destroy();
      if (callback) callback();
    }, delay);
  };

  Modal.prototype.message = function (name, text, retry) {
    const $inner = $('<div class="modal-body__inner"></div>').addClass(name);
    $('<p class="modal-body__caption"></p>').text(text).appendTo($inner);
    if (retry) {
      $('<button type="button" class="button-input button-cancel"><span>Закрыть</span></button>')
        .on('click', () => this.destroy())
        .appendTo($inner);
    }
    this.$modal_body.trigger('modal:loaded').html($inner).trigger('modal:centrify');
  };

  /** Closes the window; false from the option `destroy` keeps it open, unless the page itself goes. */
  Modal.prototype.destroy = function (isForced) {
    if (this.isGone) return true;
    const answer = this.options.destroy ? this.options.destroy.call(this) : undefined;
    if (answer === false && isForced !== 'page') return false;
    this.isGone = true;
    stack.splice(stack.indexOf(this), 1);
    guard.own(() => {
      this.$modal.remove();
      if (!stack.length) $('body').removeClass('body-with-modal');
    });
    guard.forbid(this.$modal[0]);
    if (this.$before.length && this.$before[0].isConnected) this.$before.trigger('focus');
    return true;
  };

  Modal._showError = function (text, retry) {
    const modal = new Modal({ class_name: 'modal-list modal-error' });
    modal.showError(text, retry);
    return modal;
  };

  function start() {
    $(document).on('keydown', (event) => {
      const top = stack[stack.length - 1];
      if (!top || event.isDefaultPrevented()) return;
      if (event.key === 'Escape' && !top.options.disable_escape_keydown && !top.options.disable_cancel_click) top.destroy();
      if (event.key === 'Enter' && !top.options.disable_enter_keydown && !$(event.target).is('input, textarea, button, a')) {
        top.$modal.find('.js-modal-accept').first().trigger('click');
      }
    });
    $(window).on('resize', () => {
      for (const one of stack) if (!one.options.disable_resize) one.centrify();
    });
  }

  function closeAll() {
    for (const one of [...stack].reverse()) one.destroy('page');
  }

  Modal.start = start;
  Modal.closeAll = closeAll;
  return Modal;
});
