/*
 * `self.render` in its four forms and `include_control`, over twig 0.8.9, which escapes nothing by itself
 * (documentation, "mechanics"). amoCRM's own control templates are known from the start, as `/tmpl/controls/NAME.twig`.
 */
'use strict';

define(['jquery', 'twigjs', 'shell/report', 'shell/requests'], function ($, Twig, { report }, requests) {
  const controls = new Map();
  let doesEscape = true;

  function load(sources, switches) {
    doesEscape = switches.include_control_escapes;
    for (const [name, source] of Object.entries(sources)) {
      controls.set(`/tmpl/controls/${name}`, Twig.twig({ data: source }));
    }
    Twig.extendFunction('include_control', (name, params) => {
      const template = controls.get(`/tmpl/controls/${name}.twig`);
      if (!template) {
        report('control', `amoCRM has no control ${name}, or its parameters are not documented`);
        return '';
      }
      return template.render(doesEscape ? escaped(params || {}) : params || {});
    });
  }

  function render(source, params) {
    if (source.data !== undefined) return Twig.twig({ data: source.data }).render(params || {});
    if (source.ref !== undefined) {
      const template = controls.get(source.ref);
      if (!template) {
        report('control', `there is no template ${source.ref}`);
        return '';
      }
      return template.render(params || {});
    }
    const version = typeof source.v === 'function' ? source.v() : source.v;
    const address = `${source.base_path || ''}${source.href}?v=${version}`;
    if (!version) report('template', `${source.href} is asked for without a version`);
    const promise = requests
      .own(() => $.ajax({ url: address, dataType: 'text' }))
      .then((text) => Twig.twig({ data: text }))
      .fail(() => report('template', `${address} could not be loaded`));
    if (source.promised) return promise;
    promise.then((template) => source.load && source.load(template));
    return undefined;
  }

  function escaped(value) {
    if (typeof value === 'string') return value.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
    if (Array.isArray(value)) return value.map(escaped);
    if (value && typeof value === 'object') {
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, escaped(one)]));
    }
    return value;
  }

  return { load, render };
});
