/*
 * Watches the widget's requests: none in a loop, none synchronous, no token set by hand, none left open or begun after
 * the widget was destroyed (rules J5, J11). The shell's own requests are made inside `own`.
 */
'use strict';

define(['shell/report'], function ({ report }) {
  const SAME_AT_ONCE = 3; // equal addresses; of addresses that differ only by an id, two are a loop
  const SAME_IN_A_WHILE = 12;
  const WHILE_MS = 2000;
  const GRACE_MS = 1500;

  const open = new Map(); // of the widget, not yet ended: request → what it is
  let isOwn = false;
  let isAlive = false;
  let task = null; // requests begun in this turn of the event loop
  let recent = [];

  function own(work) {
    const before = isOwn;
    isOwn = true;
    try {
      return work();
    } finally {
      isOwn = before;
    }
  }

  /** The widget asks for something now. */
  function note(method, address) {
    const url = new URL(address, location.href);
    const pattern = `${method.toUpperCase()} ${url.pathname.replace(/\/[0-9a-f-]*\d[0-9a-f-]*(?=\/|$)/gi, '/…')}`;
    if (!isAlive) report('destroy', `a request after destroy: ${pattern}`);
    if (!task) {
      task = [];
      setTimer(() => (task = null));
    }
    task.push({ pattern, href: url.href });
    const same = task.filter((one) => one.pattern === pattern);
    const different = new Set(same.map((one) => one.href.split('?')[0])).size;
    if (different > 1 || same.length >= SAME_AT_ONCE) report('loop', `${same.length} requests at once: ${pattern}`);
    const now = performance.now();
    recent = recent.filter((one) => now - one.at < WHILE_MS);
    recent.push({ pattern, at: now });
    const often = recent.filter((one) => one.pattern === pattern).length;
    if (often > SAME_IN_A_WHILE) report('loop', `more than ${SAME_IN_A_WHILE} requests in two seconds: ${pattern}`);
  }

  const setTimer = window.setTimeout.bind(window);
  const plain = window.XMLHttpRequest.prototype;
  const { open: openRequest, send, setRequestHeader } = plain;

  plain.open = function (method, address, isAsync) {
    const asked = { what: `${method} ${address}`, own: isOwn };
    this.shellAsked = asked;
    if (isAsync === false && !isOwn) report('sync', `a synchronous request: ${asked.what}`);
    if (!isOwn) note(method, address);
    return openRequest.apply(this, arguments);
  };
  plain.setRequestHeader = function (name) {
    if (/^x-auth-token$/i.test(name) && !isOwn) report('token', 'X-Auth-Token is set by amoCRM alone');
    return setRequestHeader.apply(this, arguments);
  };
  plain.send = function () {
    const asked = this.shellAsked;
    if (asked && (!asked.own || asked.forWidget)) track(this, asked.what);
    return send.apply(this, arguments);
  };

  const fetchNow = window.fetch;
  window.fetch = function (input, options) {
    if (!isOwn) note((options && options.method) || 'GET', typeof input === 'string' ? input : input.url);
    return fetchNow.apply(this, arguments);
  };

  function track(xhr, what) {
    open.set(xhr, what);
    native(xhr, 'loadend', () => open.delete(xhr));
  }

  const addNative = EventTarget.prototype.addEventListener;
  function native(target, type, work) {
    addNative.call(target, type, work);
  }

  /** A request that `$authorizedAjax` makes for the widget: counted when it was asked for, tracked to its end. */
  function forWidget(xhr) {
    if (xhr.shellAsked) xhr.shellAsked.forWidget = true;
  }

  function begin() {
    isAlive = true;
  }

  /** The widget is gone: what is still open shortly after was forgotten. */
  function end() {
    isAlive = false;
    const left = [...open.keys()];
    setTimer(() => {
      for (const xhr of left) {
        if (open.has(xhr)) report('destroy', `a request is still open after destroy: ${open.get(xhr).split('?')[0]}`);
      }
    }, GRACE_MS);
  }

  return { own, note, forWidget, begin, end, inFlight: () => open.size };
});
