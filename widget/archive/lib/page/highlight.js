/* Cuts a text into pieces, so that a template can mark the words that were searched for. */
define([], function () {
  'use strict';

  /* Which letters of the text belong to one of the words. */
  function marksOf(lower, words) {
    const marks = new Array(lower.length).fill(false);

    words.forEach(function (word) {
      for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) {
        marks.fill(true, at, at + word.length);
      }
    });
    return marks;
  }

  return function highlight(text, query) {
    const whole = String(text === null || text === undefined ? '' : text);
    const lower = whole.toLowerCase();
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const pieces = [];
    let from = 0;

    /* Letters whose small form has another length would shift the places: such a text stays unmarked. */
    if (!words.length || lower.length !== whole.length) {
      return [{ text: whole, is_found: false }];
    }
    const marks = marksOf(lower, words);

    for (let at = 1; at <= whole.length; at += 1) {
      if (at === whole.length || marks[at] !== marks[from]) {
        pieces.push({ text: whole.slice(from, at), is_found: marks[from] });
        from = at;
      }
    }
    return pieces;
  };
});
