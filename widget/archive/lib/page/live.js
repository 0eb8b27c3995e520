/*
 * Notices that something of the account has changed: one long request after another, none while nobody looks.
 *
 * `options`: version() – what the page shows now; onChange() – refreshes and returns a promise; onLink(isLost) – the
 * connection has gone or come back.
 */
define(['jquery'], function ($) {
  'use strict';

  const WAIT_S = 45;
  const PAUSE_S = 1;
  const LONGEST_PAUSE_S = 60;
  const LOST_AFTER = 2;
  const NO_VERSION = '0';

  return function Live(api, namespace, options) {
    const event = 'visibilitychange' + namespace + '-live';
    let run = 0;
    let failures = 0;
    let waiting = null;
    let timer = null;

    function pauseAfter(failed, retryAfterS) {
      const backOffS = Math.min(Math.pow(2, failed), LONGEST_PAUSE_S);

      return Math.max(backOffS * (0.75 + Math.random() / 2), retryAfterS || 0);
    }

    function later(mine, seconds) {
      if (mine === run) {
        timer = window.setTimeout(function () {
          ask(mine);
        }, seconds * 1000);
      }
    }

    function succeeded() {
      if (failures >= LOST_AFTER) {
        options.onLink(false);
      }
      failures = 0;
    }

    function failed(mine, failure) {
      failures += 1;
      if (failures === LOST_AFTER) {
        options.onLink(true);
      }
      later(mine, pauseAfter(failures, failure.retryAfterS));
    }

    /* After a breach, an unknown version is asked about: it is answered at once, not when something changes. */
    function ask(mine) {
      const since = failures < LOST_AFTER ? options.version() : NO_VERSION;

      waiting = api.get('/changes', { since: since }, { timeoutS: WAIT_S, isOnce: true });
      waiting.then(function (answer) {
        if (mine !== run) {
          return;
        }
        const wasLost = failures >= LOST_AFTER;

        succeeded();
        if (answer.changed || wasLost) {
          options.onChange().always(function () {
            later(mine, PAUSE_S);
          });
        } else {
          later(mine, PAUSE_S);
        }
      }, function (failure) {
        if (mine === run) {
          failed(mine, failure);
        }
      });
    }

    function pause() {
      run += 1;
      window.clearTimeout(timer);
      if (waiting) {
        waiting.abort();
        waiting = null;
      }
    }

    function resume() {
      pause();
      if (!document.hidden) {
        ask(run);
      }
    }

    return {
      start: function () {
        $(document).off(event).on(event, resume);
        resume();
      },
      stop: function () {
        $(document).off(event);
        pause();
      }
    };
  };
});
