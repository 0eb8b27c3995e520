/*
 * Starts amoCRM's page: watches first, then the facts of the account, then the area that the address names.
 *
 * For tests, `window.__shell`: `ready` (a promise, new after each change of the area), `errors` (breaches of the
 * documentation), `listeners()` (how many handlers and intervals outlive the widget's elements), `snapshot()` (the document
 * without the widget's places), `inspect()` (looks at what is drawn now), `go(address)`, `notices`, `status()`.
 */
'use strict';

define([
  'shell/handlers',
  'shell/requests',
  'jquery',
  'shell/report',
  'shell/guard',
  'shell/templates',
  'shell/controls',
  'shell/globals',
  'shell/areas',
  'shell/notices',
  'lib/components/base/modal',
], function (_, requests, $, report, guard, templates, controls, globals, areas, notices, Modal) {
  function ask(address) {
    return requests.own(() => $.ajax({ url: address, dataType: 'json' }));
  }

  function post(address, body) {
    const query = location.search;
    return requests.own(() =>
      $.ajax({ url: address + query, method: 'POST', contentType: 'application/json', data: JSON.stringify(body) }),
    );
  }

  requirejs.onError = (error) => report.report('script', `${error.requireType}: ${(error.requireModules || []).join(', ')} ${error.message}`);

  const started = $.when(ask(`/ajax/shell/boot${location.search}`), ask('/harness/controls.json')).then(
    ([boot], [sources]) => {
      templates.load(sources, boot.switches);
      controls.start(boot.switches);
      Modal.start();
      globals.install(boot, areas.codeOfArea, () => document.getElementById('page_holder'));
      guard.start(boot.code, boot.widget.version);
      return guard.own(() => areas.begin(boot, post));
    },
    (failed) => {
      document.body.textContent = `amoCRM: ${failed.responseText}`;
    },
  );

  Object.assign(window.__shell, {
    errors: report.errors,
    notices: notices.shown,
    listeners: () => areas.handlers().length,
    handlers: areas.handlers,
    snapshot: guard.snapshot,
    inspect() {
      const place = document.getElementById('list_page_holder');
      if (place) guard.inspect(place, 'dgm-');
      return report.errors;
    },
    go: areas.go,
    own: guard.own,
    status: () => areas.state.boot.widget.status,
  });

  /** The area that is being entered, and any that follows from it. */
  async function settled() {
    await started;
    let last = null;
    while (last !== areas.state.ready) {
      last = areas.state.ready;
      await last;
    }
  }

  return { settled };
});
