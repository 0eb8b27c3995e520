/*
 * The settings window of the marketplace: name, phone and consent, which «Сохранить» registers.
 *
 * amoCRM draws the window, the fields of the manifest and the buttons. Ours are the checks, the checkbox inside the
 * place that amoCRM keeps for a custom field, and the notes under it; nothing else in the window is touched.
 */
define([
  'jquery',
  './config.js',
  './informer.js',
  './phone.js',
  './texts.js'
], function ($, config, Informer, Phone, Texts) {
  'use strict';

  const DISABLING_WAIT_S = 3;
  const FIELDS = { name: 'client_name', phone: 'phone_number', terms: 'terms_of_use' };
  const REASONS = {
    network: 'modal.reasons.network',
    timeout: 'modal.reasons.timeout',
    too_many: 'modal.reasons.too_many',
    unavailable: 'modal.reasons.unavailable',
    internal: 'modal.reasons.unexpected'
  };

  function inputOf($body, field) {
    return $body.find('input[name="' + FIELDS[field] + '"]');
  }

  function link(href, text) {
    return $('<a>', {
      'class': 'dgm-link',
      href: href,
      target: '_blank',
      rel: 'noopener noreferrer',
      referrerpolicy: 'no-referrer',
      text: text
    });
  }

  return function SettingsModal(self) {
    const t = Texts(self);
    const code = self.params.widget_code;
    const events = '.' + code;
    let $body = $();
    let $notice = $();
    let saving = null;

    /* --- what is typed */

    /* amoCRM hands over what it is about to keep; without it, what stands in the window or was kept before. */
    function valuesOf(event) {
      const given = event && event.fields || {};
      const kept = self.get_settings() || {};

      function value(field) {
        const $input = inputOf($body, field);
        const name = FIELDS[field];

        if (given[name] !== undefined && given[name] !== null) {
          return String(given[name]).trim();
        }
        return String(($input.length ? $input.val() : kept[name]) || '').trim();
      }

      return { name: value('name'), phone: value('phone'), terms: value('terms') };
    }

    function isAgreed(terms) {
      return terms !== '' && terms !== '0' && terms !== 'null' && terms !== 'false';
    }

    function faultOf(field, values) {
      if (field === 'name') {
        return values.name ? '' : 'modal.faults.name';
      }
      if (field === 'phone') {
        return Phone.isValid(values.phone) ? '' : values.phone ? 'modal.faults.phone' : 'modal.faults.no_phone';
      }
      return isAgreed(values.terms) ? '' : 'modal.faults.terms';
    }

    /* --- what is said */

    function focusable(field) {
      return field === 'terms' ? $body.find('.dgm-consent__input') : inputOf($body, field);
    }

    function showFault(field, key) {
      const id = code + '_dgm_' + field + '_fault';
      const $input = focusable(field);
      const $place = field === 'terms' ? $body.find('.dgm-consent') : $input.parent();

      $body.find('#' + id).remove();
      if (key) {
        $('<div>', { id: id, 'class': 'dgm-fault', text: t(key) }).appendTo($place);
        $input.attr({ 'aria-invalid': 'true', 'aria-describedby': id });
      } else {
        $input.removeAttr('aria-invalid aria-describedby');
      }
    }

    function showNotice(kind, parts) {
      $notice.empty();
      if (parts.length) {
        const $text = $('<div>', { 'class': 'dgm-form-notice__text dgm-form-notice__text_' + kind }).appendTo($notice);

        parts.forEach(function (part) {
          $('<p class="dgm-form-notice__line"></p>').append(part).appendTo($text);
        });
      }
    }

    function showFailure(failure) {
      const reason = REASONS[failure.code] ? t(REASONS[failure.code]) : failure.message || t('modal.reasons.unexpected');

      showNotice('error', [
        $('<b>').text(t('modal.failed')),
        document.createTextNode(reason),
        document.createTextNode(t('modal.kept')),
        $('<span>').text(t('modal.support') + ' ').append(link(config.supportUrl, t('modal.support_link')))
      ]);
    }

    function showNextStep(key) {
      const $page = $('<a>', {
        'class': 'dgm-link',
        href: '/settings/widgets/' + code + '/',
        text: t('modal.to_page')
      });

      showNotice('success', [document.createTextNode(t(key)), $page]);
    }

    /* --- the parts of the window that are ours */

    function drawConsent($hidden) {
      const $label = $('<label class="control-checkbox dgm-consent__label"></label>');
      const $box = $('<div class="control-checkbox__body"></div>').appendTo($label);
      const $input = $('<input type="checkbox" class="dgm-consent__input" aria-required="true">').appendTo($box);
      const $text = $('<div class="control-checkbox__text element__text"></div>').appendTo($label);
      const words = t('modal.consent').split('{link}');

      $('<span class="control-checkbox__helper"></span>').appendTo($box);
      $text.append(
        document.createTextNode(words[0]),
        link(config.privacyUrl, t('modal.consent_link')),
        document.createTextNode(words[1] || '')
      );
      if (isAgreed(String($hidden.val() || '').trim())) {
        $input.prop('checked', true);
        $label.addClass('is-checked');
      }
      return $('<div class="dgm-consent"></div>').append($label);
    }

    function drawOurs($hidden) {
      const $ours = $('<div>', { 'class': 'dgm-form' });

      $ours.append($('<p class="dgm-form__intro"></p>').text(t('modal.intro')));
      $ours.append(drawConsent($hidden));
      $notice = $('<div class="dgm-form-notice" role="status" aria-live="polite"></div>').appendTo($ours);
      return $ours;
    }

    /* The person at the screen is most often the one to register; what is written already stays. */
    function prefill() {
      const $name = inputOf($body, 'name');
      const user = APP.constant('user') || {};

      if (!$name.val() && user.name) {
        $name.val(user.name).trigger('change');
      }
    }

    function dress() {
      inputOf($body, 'name').attr({ autocomplete: 'name', maxlength: 100, 'aria-label': t('settings.client_name') });
      inputOf($body, 'phone').attr({
        autocomplete: 'tel',
        inputmode: 'tel',
        maxlength: 24,
        placeholder: t('modal.phone_example'),
        'aria-label': t('settings.phone_number')
      });
      inputOf($body, 'name').add(inputOf($body, 'phone')).addClass('dgm-form-input');
    }

    function formatPhone(input) {
      const before = Phone.digits(input.value.slice(0, input.selectionStart)).length;
      const shown = Phone.format(input.value);

      if (shown !== input.value) {
        input.value = shown;
        input.setSelectionRange(Phone.caretAfter(shown, before), Phone.caretAfter(shown, before));
      }
    }

    function bind($hidden) {
      inputOf($body, 'phone').on('input' + events, function () {
        formatPhone(this);
        showFault('phone', '');
      }).on('blur' + events, function () {
        showFault('phone', this.value ? faultOf('phone', valuesOf()) : '');
      });
      inputOf($body, 'name').on('input' + events, function () {
        showFault('name', '');
      });
      $body.find('.dgm-consent__input').on('change' + events, function () {
        $(this).closest('.control-checkbox').toggleClass('is-checked', this.checked);
        $hidden.val(this.checked ? '1' : '').trigger('change');
        showFault('terms', '');
      });
    }

    function open($settings) {
      close();
      $body = $($settings);
      const $hidden = inputOf($body, 'terms');
      const $place = $body.find('#' + code + '_custom_content');

      $place.append(drawOurs($hidden));
      dress();
      bind($hidden);
      prefill();
      if (self.get_install_status() === 'installed') {
        $body.find('.dgm-form__intro').remove();
        showNextStep('modal.installed');
      }
    }

    function close() {
      $body.find('.dgm-form, .dgm-fault').remove();
      inputOf($body, 'name').add(inputOf($body, 'phone'))
        .off(events)
        .removeClass('dgm-form-input')
        .removeAttr('aria-invalid aria-describedby');
      $body = $();
      $notice = $();
    }

    /* --- saving */

    function firstFault(values) {
      const wrong = Object.keys(FIELDS).filter(function (field) {
        const key = faultOf(field, values);

        showFault(field, key);
        return key;
      });

      focusable(wrong[0]).trigger('focus');
      return wrong[0];
    }

    function saveButton() {
      return $body.find('.js-widget-save');
    }

    function register(values, status) {
      return new Promise(function (resolve, reject) {
        Informer.report(self, {
          name: values.name,
          phone: Phone.plain(values.phone),
          terms: values.terms
        }, status).then(resolve, reject);
      });
    }

    function saved(values) {
      showNotice('info', []);
      saveButton().trigger('button:load:start');
      return register(values, 'Y').then(function () {
        saveButton().trigger('button:load:stop');
        showNextStep('modal.saved');
        return true;
      }, function (failure) {
        saveButton().trigger('button:load:stop').trigger('button:save:enable');
        showFailure(failure);
        throw new Error(t('modal.failed'));
      });
    }

    /* Nobody is kept from disabling: the report gets a short time and no answer is as good as any. */
    function disabled(values) {
      const patience = new Promise(function (resolve) {
        window.setTimeout(resolve, DISABLING_WAIT_S * 1000);
      });
      const report = register(values, 'N').catch($.noop);

      return Promise.race([report, patience]).then(function () {
        return true;
      });
    }

    /* Gives a promise: true, or a rejection where nothing may be kept. */
    function save(event) {
      const values = valuesOf(event);
      const active = event && event.active || (self.get_settings() || {}).active;

      if (active === 'N') {
        return disabled(values);
      }
      if (saving) {
        return saving;
      }
      if (firstFault(values)) {
        return Promise.reject(new Error(t('modal.faults.form')));
      }
      saving = saved(values);
      saving.catch($.noop).then(function () {
        saving = null;
      });
      return saving;
    }

    return { open: open, close: close, save: save };
  };
});
