/*
 * Calls of the service's API, each with a one-time token of amoCRM.
 *
 * Every call gives a jQuery promise. It fails with {code, message, field, status, retryAfterS, authoriseUrl}, where
 * the message can be shown to people as it is. Reading is tried again twice when the service is busy or does not
 * answer in time; changes are never repeated by themselves.
 */
define(['jquery', './config.js', './texts.js'], function ($, config, Texts) {
  'use strict';

  const READ_TIMEOUT_S = 20;
  const CHANGE_TIMEOUT_S = 45;
  const PAUSES_S = [1, 3];
  const LONGEST_PAUSE_S = 10;

  /* What the widget says better than the service, because it knows where the person is. */
  const TEXTS = {
    network: 'errors.network',
    timeout: 'errors.timeout',
    unavailable: 'errors.unavailable',
    internal: 'errors.internal',
    unexpected: 'errors.unexpected',
    token_missing: 'errors.session',
    token_invalid: 'errors.session',
    token_expired: 'errors.session',
    token_used: 'errors.session',
    foreign_origin: 'errors.foreign_origin',
    not_admin: 'errors.not_admin',
    account_unknown: 'errors.account_unknown',
    reauthorise: 'errors.reauthorise',
    in_progress: 'errors.in_progress',
    too_many: 'errors.too_many',
    amocrm_unavailable: 'errors.amocrm_unavailable',
    telegram_unavailable: 'errors.telegram_unavailable'
  };

  function newRequestId() {
    const bytes = window.crypto.getRandomValues(new Uint8Array(16));

    bytes[6] = bytes[6] % 16 + 64;
    bytes[8] = bytes[8] % 64 + 128;
    return Array.from(bytes, function (byte, index) {
      const dash = [4, 6, 8, 10].indexOf(index) < 0 ? '' : '-';

      return dash + ('0' + byte.toString(16)).slice(-2);
    }).join('');
  }

  /* The code for an answer that carries none. */
  function codeOf(status, outcome) {
    if (outcome === 'timeout') {
      return 'timeout';
    }
    if (!status) {
      return 'network';
    }
    if (status === 401) {
      return 'token_invalid';
    }
    if (status === 429) {
      return 'too_many';
    }
    if (status === 502 || status === 503 || status === 504) {
      return 'unavailable';
    }
    return status >= 500 ? 'internal' : 'unexpected';
  }

  function secondsOf(header) {
    const seconds = parseInt(header, 10);

    return seconds >= 0 ? seconds : null;
  }

  return function Api(self) {
    const t = Texts(self);
    const reading = new Set();
    let isOpen = true;

    function failureOf(xhr, outcome) {
      const said = xhr.responseJSON && xhr.responseJSON.error || {};
      const code = said.code || codeOf(xhr.status, outcome);

      return {
        code: code,
        message: TEXTS[code] ? t(TEXTS[code]) : said.message || t('errors.unexpected'),
        field: said.field || null,
        status: xhr.status || 0,
        retryAfterS: secondsOf(xhr.getResponseHeader('Retry-After')),
        authoriseUrl: said.authorise_url || null
      };
    }

    /* One request. What amoCRM returns need not have `abort`, so the request itself is remembered as well. */
    function send(method, path, body, timeoutS) {
      let request = null;
      const options = {
        url: config.apiUrl + path,
        method: method,
        dataType: 'json',
        timeout: timeoutS * 1000,
        xhr: function () {
          request = $.ajaxSettings.xhr();
          return request;
        }
      };

      if (body) {
        options.contentType = 'application/json';
        options.data = JSON.stringify(body);
        options.processData = false;
      }
      const answer = self.$authorizedAjax(options);

      return {
        answer: answer,
        abort: function () {
          if (typeof answer.abort === 'function') {
            answer.abort();
          } else if (request) {
            request.abort();
          }
        }
      };
    }

    function get(path, query, options) {
      const timeoutS = options && options.timeoutS || READ_TIMEOUT_S;
      const pauses = options && options.isOnce ? [] : PAUSES_S.slice();
      const search = $.param(query || {});
      const result = $.Deferred();
      const call = { sent: null, timer: null, isOver: false };

      function end(settle) {
        if (!call.isOver) {
          call.isOver = true;
          reading.delete(call);
          settle();
        }
      }

      function attempt() {
        call.sent = send('GET', search ? path + '?' + search : path, null, timeoutS);
        call.sent.answer.then(function (data) {
          end(function () {
            result.resolve(data);
          });
        }, function (xhr, outcome) {
          if (call.isOver) {
            return;
          }
          const failure = failureOf(xhr, outcome);
          const isPassing = failure.code === 'timeout' || failure.status === 503;

          if (isPassing && pauses.length) {
            const pauseS = Math.max(pauses.shift(), Math.min(failure.retryAfterS || 0, LONGEST_PAUSE_S));

            call.timer = window.setTimeout(attempt, pauseS * 1000);
          } else {
            end(function () {
              result.reject(failure);
            });
          }
        });
      }

      call.stop = function () {
        call.isOver = true;
        reading.delete(call);
        window.clearTimeout(call.timer);
        call.sent.abort();
      };
      const promise = result.promise();

      promise.abort = call.stop;
      if (isOpen) {
        reading.add(call);
        attempt();
      } else {
        call.isOver = true;
      }
      return promise;
    }

    function change(method, path, body) {
      const result = $.Deferred();
      const promise = result.promise();

      promise.abort = $.noop;
      if (isOpen) {
        const sent = send(method, path, body, CHANGE_TIMEOUT_S);

        promise.abort = sent.abort;
        sent.answer.then(function (data) {
          if (isOpen) {
            result.resolve(data === undefined ? null : data);
          }
        }, function (xhr, outcome) {
          if (isOpen && outcome !== 'abort') {
            result.reject(failureOf(xhr, outcome));
          }
        });
      }
      return promise;
    }

    return {
      newRequestId: newRequestId,

      /* Options: timeoutS (for each try), isOnce (no further tries). */
      get: get,

      post: function (path, body) {
        return change('POST', path, Object.assign({ request_id: newRequestId() }, body));
      },

      patch: function (path, body) {
        return change('PATCH', path, body);
      },

      remove: function (path) {
        return change('DELETE', path, null);
      },

      /* Ends all reading. A change that is on its way goes on, since half of one would help nobody. */
      close: function () {
        isOpen = false;
        Array.from(reading).forEach(function (call) {
          call.stop();
        });
      }
    };
  };
});
