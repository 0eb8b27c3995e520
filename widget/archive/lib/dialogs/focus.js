/**
 * The keyboard in dialogs: the first field has the focus, Tab goes round inside, and at the end the focus is where it was.
 */
define(['jquery'], function ($) {
  'use strict';

  const FOCUSABLE = 'a[href], button, input, textarea, [tabindex="0"]';

  /** The page may have drawn its rows anew meanwhile: the same button has the same key. */
  function sameOpener(key) {
    return $('.dgm-root [data-dgm-opener]').filter(function () {
      return $(this).attr('data-dgm-opener') === key;
    })[0];
  }

  /** Of radio buttons that belong together, Tab stops at the chosen one only. */
  function isStop($body, element) {
    if (element.type !== 'radio' || element.checked) {
      return true;
    }
    return !$body.find('input[type="radio"]:checked').filter(function () {
      return this.name === element.name;
    }).length;
  }

  /** Gives dialogs `focusFirst`, `keepFocus` and `giveFocusBack`. */
  return function withFocus(Dialog) {
    Dialog.prototype.focusFirst = function () {
      const $wanted = this.$body.find('[data-dgm-focus]').first();
      const $target = $wanted.length ? $wanted : this.$body.find('.dgm-dialog__inner');
      if ($target.length) {
        $target[0].focus({ preventScroll: true });
      }
    };

    Dialog.prototype.keepFocus = function (event) {
      const $body = this.$body;
      const $all = $body.find(FOCUSABLE).filter(function () {
        return $(this).is(':visible:enabled, a:visible') && this.tabIndex >= 0 && isStop($body, this);
      });
      const first = $all[0];
      const last = $all[$all.length - 1];
      const at = document.activeElement;
      if (event.shiftKey ? at === first || $all.index(at) < 0 : at === last) {
        event.preventDefault();
        (event.shiftKey ? last : first).focus();
      }
    };

    Dialog.prototype.giveFocusBack = function (isLast) {
      const opener = this.opener;
      const key = opener && opener.getAttribute && opener.getAttribute('data-dgm-opener');
      setTimeout(function () {
        if (!isLast()) {
          return;
        }
        const again = document.body.contains(opener) ? opener : key && sameOpener(key);
        if (again && again.focus) {
          again.focus({ preventScroll: true });
        }
      }, 0);
    };
  };
});
