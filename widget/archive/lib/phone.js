/*
 * Phone numbers as people type them. A Russian number is grouped as +7 900 123-45-67 while it is typed, a leading 8
 * becomes +7; any other number keeps its digits in groups of three.
 */
define([], function () {
  'use strict';

  const FEWEST = 10;
  const MOST = 15;
  const RUSSIAN = 11;

  function digits(text) {
    return String(text).replace(/\D/g, '');
  }

  function isInternational(text) {
    return /^\s*\+/.test(text);
  }

  /* 8 900 … and 7 900 … are Russian; +8… is a country of Asia. */
  function isRussian(text) {
    return isInternational(text) ? /^\s*\+\s*7/.test(text) : /^\D*[78]/.test(text);
  }

  function grouped(number) {
    return number.replace(/(\d{3})(?=\d)/g, '$1 ');
  }

  function russian(number) {
    const parts = [number.slice(1, 4), number.slice(4, 7)].filter(Boolean);
    const tail = [number.slice(7, 9), number.slice(9, 11)].filter(Boolean);
    const head = ['+7'].concat(parts).join(' ');

    return tail.length ? head + '-' + tail.join('-') : head;
  }

  function format(text) {
    const number = digits(text);

    if (!number) {
      return isInternational(text) ? '+' : '';
    }
    if (isRussian(text) && number.length <= RUSSIAN) {
      return russian(number);
    }
    return (isInternational(text) ? '+' : '') + grouped(number.slice(0, MOST));
  }

  return {
    format: format,

    isValid: function (text) {
      const length = digits(text).length;

      return length >= FEWEST && length <= MOST;
    },

    /* For the register: digits only, with a plus where the country's code is known. */
    plain: function (text) {
      const shown = format(text);

      return (isInternational(shown) ? '+' : '') + digits(shown);
    },

    /* Where the caret belongs in a text after `format`, given how many digits stood before it. */
    caretAfter: function (shown, count) {
      let seen = 0;
      let place = isInternational(shown) && count === 0 ? Math.min(1, shown.length) : 0;

      while (place < shown.length && seen < count) {
        if (/\d/.test(shown[place])) {
          seen += 1;
        }
        place += 1;
      }
      return place;
    },

    digits: digits
  };
});
