/*
 * Tells the seller's register who installed, saved or disabled the widget.
 *
 * While the integration is being installed amoCRM may have no one-time token yet. The report is then sent without one;
 * the service keeps it as unconfirmed. A report is one request, or two where the first went without success for want
 * of a token, and never more.
 */
define(['jquery', './config.js'], function ($, config) {
  'use strict';

  const TIMEOUT_S = 15;
  const WITHOUT_TOKEN = ['token_missing', 'token_invalid', 'token_expired', 'token_used', 'account_unknown'];

  function codeOf(xhr, outcome) {
    const said = xhr && xhr.responseJSON && xhr.responseJSON.error;

    if (said && said.code) {
      return said.code;
    }
    if (outcome === 'timeout') {
      return 'timeout';
    }
    return xhr && xhr.status ? 'unexpected' : 'network';
  }

  function options(body) {
    return {
      url: config.informerUrl,
      method: 'POST',
      contentType: 'application/json',
      data: JSON.stringify(body),
      dataType: 'json',
      processData: false,
      timeout: TIMEOUT_S * 1000
    };
  }

  /* Whether the same report may go through without a token: the service has not said no to what it contains. */
  function isAboutToken(xhr, outcome) {
    const code = codeOf(xhr, outcome);

    return code === 'network' || code === 'unexpected' || WITHOUT_TOKEN.indexOf(code) >= 0;
  }

  /* Gives a promise; it fails with {code, message}, the message being the service's own words or empty. */
  function send(self, body) {
    const result = $.Deferred();

    function fail(xhr, outcome) {
      const said = xhr && xhr.responseJSON && xhr.responseJSON.error || {};

      result.reject({ code: codeOf(xhr, outcome), message: said.message || '' });
    }

    self.$authorizedAjax(options(body)).then(result.resolve, function (xhr, outcome) {
      if (isAboutToken(xhr, outcome)) {
        $.ajax(options(body)).then(result.resolve, fail);
      } else {
        fail(xhr, outcome);
      }
    });
    return result.promise();
  }

  /* The ids of a register are numbers where they look so. */
  function numberOrText(value) {
    return /^\d+$/.test(value) ? Number(value) : value;
  }

  return {
    /* `form` is {name, phone, terms}; `status` is amoCRM's 'Y' or 'N'. */
    report: function (self, form, status) {
      const account = APP.constant('account');

      return send(self, {
        userName: form.name,
        userPhone: form.phone,
        account: account.id,
        accountSubdomain: account.subdomain,
        widgetName: config.widgetName,
        termsOfUse: form.terms,
        widgetStatus: status,
        client_uuid: self.params.oauth_client_uuid,
        enumId: numberOrText(config.enumId)
      });
    }
  };
});
