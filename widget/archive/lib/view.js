/*
 * Templates of the widget, loaded once each and rendered with the texts of the current locale.
 *
 * Templates write {{ t('page.title')|escape }} and {{ plural('page.bots', n)|escape }}. Whatever people have written
 * goes through |escape in the template, always.
 */
define(['jquery', './texts.js'], function ($, Texts) {
  'use strict';

  return function View(self) {
    const t = Texts(self);
    const loading = {};
    const loaded = {};

    function load(name) {
      if (!loading[name]) {
        const done = $.Deferred();

        loading[name] = done.promise();
        self.render({
          href: '/templates/' + name + '.twig',
          base_path: self.params.path,
          v: self.get_version(),
          promised: true
        }).then(function (template) {
          loaded[name] = template;
          done.resolve(template);
        }, function () {
          /* The next call tries again. */
          delete loading[name];
          done.reject({ code: 'network', message: t('errors.network') });
        });
      }
      return loading[name];
    }

    function html(template, params) {
      return template.render(Object.assign({ t: t, plural: t.plural }, params));
    }

    return {
      t: t,

      /* A promise of the template's HTML. */
      render: function (name, params) {
        return load(name).then(function (template) {
          return html(template, params);
        });
      },

      /* A promise of the template itself: after it, `draw` gives the HTML at once. */
      load: load,

      /* The HTML of a template that has been loaded. */
      draw: function (name, params) {
        return html(loaded[name], params);
      }
    };
  };
});
