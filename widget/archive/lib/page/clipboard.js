/* Puts a text into the clipboard; gives a promise of whether that worked. */
define(['jquery'], function ($) {
  'use strict';

  /* The older way, for pages that may not use the new one. Focus goes back to where it was. */
  function copySelected(text, $near) {
    const focused = document.activeElement;
    const $field = $('<textarea class="dgm-hidden-text" readonly tabindex="-1"></textarea>').val(text);
    let isCopied = false;

    $near.append($field);
    $field[0].select();
    try {
      isCopied = document.execCommand('copy');
    } catch (error) {
      isCopied = false;
    }
    $field.remove();
    if (focused) {
      focused.focus({ preventScroll: true });
    }
    return isCopied;
  }

  return function copy(text, $near) {
    const result = $.Deferred();

    if (window.navigator.clipboard) {
      window.navigator.clipboard.writeText(text).then(function () {
        result.resolve(true);
      }, function () {
        result.resolve(copySelected(text, $near));
      });
    } else {
      result.resolve(copySelected(text, $near));
    }
    return result.promise();
  };
});
