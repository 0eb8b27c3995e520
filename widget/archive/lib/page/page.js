/* The page «Настройки». */
define(['jquery'], function ($) {
  'use strict';

  let $root = $();

  return {
    open: function (options) {
      $root = options.$root;
      $root.text('…');
    },
    close: function () {
      $root.remove();
      $root = $();
    }
  };
});
