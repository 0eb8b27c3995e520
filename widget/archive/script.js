/*
 * Entry of the widget. amoCRM builds one object of this class for every area it opens and calls its callbacks: the
 * settings window of the marketplace (lib/settings_modal.js) and our own page (lib/page/page.js).
 */
define([
  'jquery',
  './lib/settings_modal.js',
  './lib/page/page.js'
], function ($, SettingsModal, Page) {
  'use strict';

  /* The stylesheet is added once, whichever area comes first, and stays: other widgets do the same. */
  function addStyle(self) {
    const href = self.params.path + '/style.css?v=' + self.get_version();

    if (!$('link[href="' + href + '"]').length) {
      $('<link>', { rel: 'stylesheet', type: 'text/css', href: href }).appendTo('head');
    }
  }

  /* amoCRM gives the advanced page a place of ours inside its list page; older pages have the list page only. */
  function pageHolder(code) {
    const $area = $('#work-area-' + code);

    return $area.length ? $area : $('#list_page_holder');
  }

  return function () {
    const self = this;

    self.callbacks = {
      render: function () {
        return true;
      },

      init: function () {
        addStyle(self);
        return true;
      },

      bind_actions: function () {
        return true;
      },

      settings: function ($body) {
        SettingsModal.open(self, $body);
        return true;
      },

      onSave: function () {
        return true;
      },

      advancedSettings: function () {
        const $root = $('<div class="dgm-root"></div>');

        pageHolder(self.params.widget_code).append($root);
        Page.open({ self: self, $root: $root });
        return true;
      },

      destroy: function () {
        SettingsModal.close();
        Page.close();
        return true;
      }
    };

    return self;
  };
});
