/**
 * Errors where they belong: at the field that they are about, tied to it for screen readers, or above the buttons.
 */
define(['jquery'], function ($) {
  'use strict';

  function describe($control, id, isAdded) {
    if (!$control.length || !id) {
      return;
    }
    const ids = ($control.attr('aria-describedby') || '').split(' ').filter(function (one) {
      return one && one !== id;
    });
    $control.attr('aria-describedby', (isAdded ? ids.concat(id) : ids).join(' '));
  }

  /** Gives dialogs `field`, `fail`, `fieldError`, `markField`, `clearFieldError`, `clearErrors` and `reveal`. */
  return function withErrors(Dialog) {
    Dialog.prototype.field = function (name) {
      return this.$body.find('[data-dgm-field]').filter(function () {
        return $(this).attr('data-dgm-field') === name;
      });
    };

    /** Show an error where it belongs: at its field if the dialog has it, else above the buttons. */
    Dialog.prototype.fail = function (error) {
      const isLink = Boolean(error.authoriseUrl);
      if (error.field && this.field(error.field).length && !isLink) {
        this.fieldError(error.field, error.message);
        return;
      }
      const $alert = this.$body.find('.dgm-dialog__alert').prop('hidden', false);
      $alert.find('.dgm-dialog__alert-text').text(error.message);
      $alert.find('.dgm-dialog__alert-link').remove();
      if (isLink) {
        $('<a class="dgm-dialog__alert-link" target="_blank" rel="noopener" referrerpolicy="no-referrer"></a>')
          .attr('href', error.authoriseUrl)
          .text(this.ctx.view.t('dialogs.common.authorise'))
          .appendTo($alert);
      }
      this.recentre();
      this.reveal($alert);
    };

    Dialog.prototype.fieldError = function (name, message) {
      this.markField(name, message).trigger('focus');
    };

    /** The same without taking the focus there. */
    Dialog.prototype.markField = function (name, message) {
      const $field = this.field(name).addClass('dgm-field_invalid');
      const $error = $field.find('.dgm-field__error').first().text(message).prop('hidden', false);
      const $control = $field.find('[data-dgm-control]').first().attr('aria-invalid', 'true');
      describe($control, $error.attr('id'), true);
      this.recentre();
      this.reveal($field);
      return $control;
    };

    Dialog.prototype.clearFieldError = function (name) {
      const $field = this.field(name);
      if (!$field.hasClass('dgm-field_invalid')) {
        return;
      }
      const $error = $field.removeClass('dgm-field_invalid').find('.dgm-field__error').first().prop('hidden', true).text('');
      describe($field.find('[data-dgm-control]').first().removeAttr('aria-invalid'), $error.attr('id'), false);
      this.recentre();
    };

    Dialog.prototype.clearErrors = function () {
      const dialog = this;
      this.$body.find('.dgm-field_invalid').each(function () {
        dialog.clearFieldError($(this).attr('data-dgm-field'));
      });
      this.$body.find('.dgm-dialog__alert').prop('hidden', true);
    };

    Dialog.prototype.reveal = function ($what) {
      if ($what.length) {
        $what[0].scrollIntoView({ block: 'nearest' });
      }
    };
  };
});
