/* A small widget that keeps every rule of the shell; tests break one at a time at the marked places. */
define(['jquery', 'lib/components/base/modal', './lib/part.js'], function ($, Modal, part) {
  'use strict';

  return function () {
    const self = this;
    const space = '.' + self.get_settings().widget_code;
    let poll = null;

    function place() {
      const $area = $('#work-area-' + self.params.widget_code);

      return $area.length ? $area : $('#list_page_holder');
    }

    function openWindow() {
      window.dgmModal = new Modal({
        class_name: 'dgm-window',
        init: function ($body) {
          $body
            .trigger('modal:loaded')
            .html(
              '<div class="modal-body__inner"><span class="modal-body__close"></span><h2 class="dgm-a">Окно</h2>' +
                '<input class="text-input dgm-word"><div class="modal-body__actions">' +
                '<button type="button" class="button-input button-input_blue js-modal-accept">Да</button>' +
                '<button type="button" class="button-input button-cancel">Нет</button></div></div>'
            )
            .trigger('modal:centrify');
          $body.find('.js-modal-accept').on('click', function () {
            window.dgmAccepted = (window.dgmAccepted || 0) + 1;
          });
        },
        destroy: function () {
          return !window.dgmStay;
        }
      });
    }

    this.callbacks = {
      render: function () {
        /* at render */
        return true;
      },

      init: function () {
        part.style(self);
        /* at init */
        return true;
      },

      bind_actions: function () {
        $(document).on('click' + space, '.dgm-open', openWindow);
        return true;
      },

      settings: function ($body) {
        window.dgmSettings = $body.length;
        $body.find('input[name="consent"]').val('1').trigger('change');
        /* at settings */
      },

      onSave: function (event) {
        window.dgmSaved = (window.dgmSaved || []).concat([
          { active: event.active, fields: $.extend({}, event.fields) }
        ]);
        /* at save */
        if (event.active === 'Y' && !event.fields.client_name) {
          return Promise.reject(new Error('no name'));
        }
        return true;
      },

      advancedSettings: function () {
        const $root = $('<div class="dgm-root"></div>').appendTo(place());

        self
          .render({ href: '/templates/page.twig', base_path: self.params.path, v: self.get_version(), promised: true })
          .then(function (template) {
            $root.html(
              template.render({
                name: '<b>Анна</b>',
                word: '"><i>',
                hello: self.i18n('deep.words.hello'),
                items: [{ id: '1', option: 'Продажи' }, { id: '2', option: '<b>Сервис</b>' }]
              })
            );
          });
        poll = self.$authorizedAjax({ url: part.api + '/wait' });
        window.dgm = { self: self, api: part.api, $: $, Modal: Modal, window: openWindow };
        /* at page */
      },

      destroy: function () {
        $(document).off(space);
        if (poll) {
          poll.abort();
        }
        /* at destroy */
        return true;
      }
    };

    return this;
  };
});
