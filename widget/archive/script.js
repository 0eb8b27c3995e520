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

  /* Once for all areas; it stays when an area is left, since the next one needs it again. */
  function addStyle(self) {
    const href = self.params.path + '/style.css?v=' + self.get_version();

    if (!$('link[href="' + href + '"]').length) {
      $('<link>', { rel: 'stylesheet', type: 'text/css', href: href }).appendTo('head');
    }
  }

  /* amoCRM gives a widget a place of its own inside the list page; where it does not, the list page is the place. */
  function pageHolder(code) {
    const $area = $('#work-area-' + code);

    return $area.length ? $area : $('#list_page_holder');
  }

  return function () {
    const self = this;
    let modal = null;

    /* Texts and parameters are complete only when the first callback runs. */
    function settingsModal() {
      modal = modal || SettingsModal(self);
      return modal;
    }

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
        settingsModal().open($body);
        return true;
      },

      /* amoCRM asks before it keeps the fields and when the widget is disabled. */
      onSave: function (event) {
        return settingsModal().save(event);
      },

      advancedSettings: function () {
        const $root = $('<div class="dgm-root"></div>');

        pageHolder(self.params.widget_code).append($root);
        Page.open({ self: self, $root: $root });
        return true;
      },

      destroy: function () {
        if (modal) {
          modal.close();
        }
        Page.close();
        return true;
      }
    };

    return self;
  };
});
