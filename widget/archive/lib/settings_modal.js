/* The settings window of the marketplace: name, phone, consent. */
define(['jquery'], function ($) {
  'use strict';

  return {
    open: function () {
      return $();
    },
    close: function () {
      return true;
    }
  };
});
