/**
 * What differs between two sets of values: only that is sent.
 */
define([], function () {
  'use strict';

  function isSame(one, other) {
    return JSON.stringify(one) === JSON.stringify(other);
  }

  return {
    /** The values of `now` that are not those of `before`. */
    between: function (before, now) {
      const found = {};
      Object.keys(now).forEach(function (name) {
        if (!isSame(before[name], now[name])) {
          found[name] = now[name];
        }
      });
      return found;
    },

    /** What can be changed of a bot, as its fields read it. A pipeline that is not offered any more counts as none. */
    of: function (bot) {
      return {
        pipeline_id: bot.pipeline.state === 'ok' ? bot.pipeline.id : null,
        unsorted: bot.settings.unsorted,
        deal_title: bot.settings.deal_title,
        deal_tags: bot.settings.deal_tags
      };
    }
  };
});
