/**
 * Pictures of bots and people in dialogs, as on the page: initials on a colour of their own, and the picture above them
 * where there is one that can be had.
 */
define(['jquery', '../page/words.js'], function ($, words) {
  'use strict';

  return {
    /** What the templates need for somebody's picture: {initials, tone}. */
    of: function (name, id) {
      return { initials: words.initials(name), tone: words.tone(id) };
    },

    /** Let the initials show where a picture fails to load. */
    guard: function ($where) {
      $where.find('img.dgm-avatar__picture').on('error', function () {
        $(this).remove();
      });
    }
  };
});
