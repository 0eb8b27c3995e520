/**
 * Finding a bot's token in what a person pastes: the token alone, or BotFather's whole message.
 */
define([], function () {
  'use strict';

  // As the server reads it; looking behind is left out for older browsers.
  const TOKEN = /(^|[^\w:-])(\d{5,19}:[A-Za-z0-9_-]{20,200})(?![\w:-])/g;

  return {
    /** Every different token of the text, in order. */
    find: function (text) {
      const found = [];
      String(text).replace(TOKEN, function (whole, before, token) {
        if (found.indexOf(token) < 0) {
          found.push(token);
        }
        return whole;
      });
      return found;
    }
  };
});
