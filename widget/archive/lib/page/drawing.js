/*
 * The regions of the page, each drawn from one template, and the focus, which stays where the person has left it.
 */
define(['./patch.js'], function (patch) {
  'use strict';

  const FOCUSABLE = 'a[href], button:not([disabled]), input:not([disabled])';

  return function Drawing($root, view) {
    const drawn = {};

    /* Where the focus is, with what is around it, in case the element itself is not there any more. */
    function rememberFocus() {
      const element = document.activeElement;
      const around = [];

      if (!element || !$root[0].contains(element)) {
        return null;
      }
      for (let node = element; node && node !== $root[0]; node = node.parentNode) {
        if (node.hasAttribute('data-dgm-key')) {
          around.push(node);
        }
      }
      return { element: element, around: around };
    }

    function isHere(element) {
      return $root[0].contains(element) && !element.disabled;
    }

    function restoreFocus(remembered) {
      if (!remembered || document.activeElement === remembered.element) {
        return;
      }
      let target = remembered.element;

      if (!isHere(target)) {
        const nearest = remembered.around.filter(isHere)[0] || $root[0];

        target = nearest.matches(FOCUSABLE) ? nearest : nearest.querySelector(FOCUSABLE);
      }
      if (target) {
        target.focus({ preventScroll: true });
      }
    }

    return {
      /* Draw regions at once: a list of {region, template, params}; a region without a template is emptied. */
      draw: function (parts) {
        const focus = rememberFocus();

        parts.forEach(function (part) {
          const html = part.template ? view.draw(part.template, part.params) : '';

          if (drawn[part.region] !== html) {
            drawn[part.region] = html;
            patch($root.find('[data-dgm-region="' + part.region + '"]')[0], html);
          }
        });
        restoreFocus(focus);
      }
    };
  };
});
