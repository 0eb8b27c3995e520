/**
 * The name of a new deal: a template with places for what is known of the person. The rules are the server's, told
 * before it is asked.
 */
define([], function () {
  'use strict';

  const PLACES = ['name', 'username', 'bot', 'pipeline'];
  const PLACE = /\{([^{}]*)\}/g;

  return {
    places: PLACES,

    /** What is wrong with a template: 'empty', 'unknown', 'braces', or null. */
    complaint: function (template) {
      const names = [];
      const rest = String(template).replace(PLACE, function (whole, name) {
        names.push(name);
        return '';
      });
      if (!template.trim()) {
        return 'empty';
      }
      if (names.some(function (name) {
        return PLACES.indexOf(name) < 0;
      })) {
        return 'unknown';
      }
      return /[{}]/.test(rest) ? 'braces' : null;
    },

    /** The name that a deal would get; a place without a value leaves not even empty brackets. */
    fill: function (template, values) {
      const filled = String(template).replace(PLACE, function (whole, name) {
        return PLACES.indexOf(name) < 0 ? whole : values[name] || '';
      });
      const tidy = filled.replace(/\s+/g, ' ').replace(/\( ?\)|\[ ?\]/g, '').replace(/\s+/g, ' ').trim();
      return tidy.replace(/ ([,.;:])/g, '$1') || values.name;
    }
  };
});
