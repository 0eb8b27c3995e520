/*
 * Texts of the current locale: t('page.title', {name: …}) and t.plural('page.bots', 3).
 *
 * A text may hold {placeholders}. A plural is an object with the keys one, few, many, and {n} stands for the number.
 */
define([], function () {
  'use strict';

  return function Texts(self) {
    const trees = {};

    function find(path) {
      const keys = path.split('.');
      const top = keys.shift();

      if (!Object.prototype.hasOwnProperty.call(trees, top)) {
        trees[top] = self.i18n(top);
      }
      return keys.reduce(function (node, key) {
        return node ? node[key] : undefined;
      }, trees[top]);
    }

    function fill(text, params) {
      return text.replace(/\{(\w+)\}/g, function (whole, name) {
        const value = params ? params[name] : undefined;

        return value === undefined || value === null ? whole : String(value);
      });
    }

    /* The text at the path; the path itself where there is none, so that nothing breaks over a missing word. */
    function t(path, params) {
      const found = find(path);

      return typeof found === 'string' ? fill(found, params) : path;
    }

    t.has = function (path) {
      return typeof find(path) === 'string';
    };

    t.locale = t('page.locale');

    t.plural = function (path, n, params) {
      const form = new Intl.PluralRules(t.locale).select(n);
      const forms = find(path) || {};
      const text = forms[form] || forms.many || path;

      return fill(text, Object.assign({ n: n }, params));
    };

    return t;
  };
});
