/*
 * Counts event handlers and intervals that do not go away with the widget's own elements: on window, document, body and
 * every element of amoCRM's. Loaded before anything of the widget (rule J11).
 */
'use strict';

define(['jquery', 'shell/report'], function ($, { report }) {
  const added = []; // { target, type, handler, capture }
  const intervals = new Set();
  const target = EventTarget.prototype;
  const { addEventListener, removeEventListener } = target;
  const capture = (options) => (typeof options === 'object' && options ? Boolean(options.capture) : Boolean(options));

  target.addEventListener = function (type, handler, options) {
    const once = typeof options === 'object' && options && options.once;
    if (handler && !once && isLasting(this) && isOfAScript()) {
      const entry = { target: this, type, handler, capture: capture(options) };
      if (!added.some((one) => same(one, entry))) added.push(entry);
      const signal = typeof options === 'object' && options && options.signal;
      if (signal) addEventListener.call(signal, 'abort', () => forget(entry), { once: true });
    }
    return addEventListener.call(this, type, handler, options);
  };
  target.removeEventListener = function (type, handler, options) {
    forget({ target: this, type, handler, capture: capture(options) });
    return removeEventListener.call(this, type, handler, options);
  };

  /** Whether a file of the page asks, and not the browser's driver, which listens on the window for reasons of its own. */
  function isOfAScript() {
    return new Error().stack.split('\n').slice(3).some((line) => line.includes(location.origin));
  }

  function isLasting(one) {
    return one === window || one instanceof Node || one instanceof MediaQueryList;
  }

  function same(one, other) {
    return (
      one.target === other.target &&
      one.type === other.type &&
      one.handler === other.handler &&
      one.capture === other.capture
    );
  }

  function forget(entry) {
    const index = added.findIndex((one) => same(one, entry));
    if (index >= 0) added.splice(index, 1);
  }

  const { setInterval, clearInterval } = window;
  window.setInterval = function (work) {
    if (typeof work === 'string') report('eval', 'setInterval with a text');
    const id = setInterval.apply(window, arguments);
    intervals.add(id);
    return id;
  };
  window.clearInterval = function (id) {
    intervals.delete(id);
    return clearInterval.call(window, id);
  };

  /** Every handler that is alive now, as texts; `isOurs` tells elements that go away with the widget. */
  function list(isOurs) {
    const found = [];
    const seen = new Set();
    for (const { target: one, type, handler } of added) {
      if (one instanceof Element && (!one.isConnected || isOurs(one))) continue;
      if ($._data && one !== undefined && handler === $._data(one, 'handle')) {
        if (seen.has(one)) continue;
        seen.add(one);
        const events = $._data(one, 'events') || {};
        for (const [name, handlers] of Object.entries(events)) {
          for (const each of handlers) found.push(`${nameOf(one)} ${name}${each.namespace ? `.${each.namespace}` : ''}`);
        }
      } else found.push(`${nameOf(one)} ${type}`);
    }
    for (const id of intervals) found.push(`interval ${id}`);
    return found;
  }

  function nameOf(one) {
    if (one === window) return 'window';
    if (one === document) return 'document';
    if (one instanceof MediaQueryList) return 'media query';
    return one instanceof Element ? `<${one.tagName.toLowerCase()} class="${one.className}">` : 'node';
  }

  return { list };
});
