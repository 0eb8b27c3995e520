/* The notification centre: what `APP.notifications.add_error` shows, until it is closed. Texts are texts, not markup. */
'use strict';

define(['shell/guard', 'shell/report'], function (guard, { report }) {
  const shown = [];
  let holder = null;

  function add(notice, callbacks) {
    const given = notice || {};
    if (!given.header || !given.text) report('notice', 'a notice needs header and text');
    const entry = { header: String(given.header), text: String(given.text), date: given.date };
    shown.push(entry);
    guard.own(() => draw(entry));
    const { done, always } = callbacks || {};
    setTimeout(() => {
      if (done) done();
      if (always) always();
    });
  }

  function draw(entry) {
    if (!holder) {
      holder = document.createElement('div');
      holder.className = 'notifications-holder';
      document.body.append(holder);
    }
    const card = document.createElement('div');
    card.className = 'notification-inner notification-error';
    card.setAttribute('role', 'alert');
    const header = document.createElement('b');
    header.textContent = entry.header;
    const text = document.createElement('p');
    text.textContent = entry.text;
    const close = document.createElement('button');
    close.type = 'button';
    close.className = 'notification-close';
    close.setAttribute('aria-label', 'Закрыть');
    close.textContent = '×';
    close.onclick = () => guard.own(() => card.remove());
    card.append(close, header, text);
    holder.append(card);
  }

  return { add, shown };
});
