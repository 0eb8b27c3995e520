/* How the page says dates, initials and other small things. */
define([], function () {
  'use strict';

  const TONES = 6;

  function letterOf(word) {
    return (/[\p{L}\p{N}]/u.exec(word) || [''])[0].toUpperCase();
  }

  return {
    /* «3 марта», with the year when it is another one; in the account's time zone where the browser knows it. */
    day: function (moment, locale, timeZone) {
      const date = new Date(moment);
      const isThisYear = date.getFullYear() === new Date().getFullYear();
      const style = { day: 'numeric', month: 'long', year: isThisYear ? undefined : 'numeric' };

      try {
        return date.toLocaleDateString(locale, Object.assign({ timeZone: timeZone || undefined }, style));
      } catch (error) {
        return date.toLocaleDateString(locale, style);
      }
    },

    /* One or two letters that stand for a name. */
    initials: function (name) {
      const letters = String(name || '').split(/\s+/).map(letterOf).filter(Boolean);

      return letters.slice(0, 2).join('') || '?';
    },

    /* The number of a colour that belongs to an id. */
    tone: function (id) {
      return Math.abs(Number(id) || 0) % TONES;
    }
  };
});
