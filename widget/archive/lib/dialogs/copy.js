/**
 * «Скопировать» inside a dialog: what stands in the field beside the button goes to the clipboard.
 */
define(['jquery'], function ($) {
  'use strict';

  const SHOWN_MS = 2000;

  function write(input) {
    const clipboard = window.navigator.clipboard;
    const result = $.Deferred();
    const byHand = function () {
      input.focus();
      input.select();
      if (document.execCommand('copy')) {
        result.resolve();
      } else {
        result.reject();
      }
    };
    if (clipboard && clipboard.writeText) {
      clipboard.writeText(input.value).then(result.resolve, byHand);
    } else {
      byHand();
    }
    return result.promise();
  }

  return {
    attach: function (dialog) {
      const t = dialog.ctx.view.t;
      dialog.on('click', '[data-dgm-do="copy"]', function () {
        const $button = $(this);
        const input = $button.closest('.dgm-copy').find('input')[0];
        dialog.when(write(input)).then(function () {
          $button.find('.button-input-inner__text').text(t('dialogs.common.copied'));
          dialog.later('copy', SHOWN_MS, function () {
            $button.find('.button-input-inner__text').text(t('dialogs.common.copy'));
          });
        }, function () {
          input.select();
        });
      });
    }
  };
});
