/**
 * Pictures of bots in dialogs: the initials stand in for one that is missing or cannot be had.
 */
define(['jquery'], function ($) {
  'use strict';

  return {
    /** One or two letters of a name. */
    initials: function (name) {
      const words = String(name || '').replace(/[^\p{L}\p{N}\s]/gu, ' ').split(/\s+/).filter(Boolean);
      const letters = words.slice(0, 2).map(function (word) {
        return Array.from(word)[0];
      });
      return letters.join('').toUpperCase() || '•';
    },

    /** Let the initials show where a picture fails to load. */
    guard: function ($where) {
      $where.find('img.dgm-avatar__picture').on('error', function () {
        $(this).remove();
      });
    }
  };
});
