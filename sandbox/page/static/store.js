/*
 * What the server says, part by part. The page server sends named parts (`telegram`, `chat:<key>`, `amocrm`,
 * `deal:<account>:<id>`, `health`), first all of them, then those that changed. Panes watch the names they show.
 */

const parts = new Map();
const watchers = new Set();

// While a button of the mouse (or a finger) is down nothing is drawn anew: the element under it would be another one by
// the time it is released, and the click would be lost.
const HELD_AT_MOST_MS = 1000;
let held = false;
let waiting = new Set();
let taken = 0;

function hold() {
  held = true;
  setTimeout(release, HELD_AT_MOST_MS);
}

function release() {
  held = false;
  if (!waiting.size) return;
  const names = waiting;
  waiting = new Set();
  notifyOf(names);
}

addEventListener('pointerdown', hold, true);
// The click comes right after; it acts on what was pressed, and what has changed meanwhile is drawn after it.
for (const name of ['pointerup', 'pointercancel', 'dragend']) addEventListener(name, () => setTimeout(release), true);
addEventListener('blur', () => setTimeout(release));

export const part = (name) => parts.get(name);

/** Calls `draw(changed)` after each update; `changed(prefix)` tells whether a part of that name or prefix changed. Returns how to stop. */
export function watch(draw) {
  watchers.add(draw);
  return () => watchers.delete(draw);
}

export function redraw() {
  notify(() => true);
}

function notify(changed) {
  for (const draw of watchers) draw(changed);
}

function take(update) {
  const names = new Set(Object.keys(update.parts));
  if (update.reset) {
    for (const name of parts.keys()) names.add(name);
    parts.clear();
  }
  for (const name of update.removed) {
    parts.delete(name);
    names.add(name);
  }
  for (const [name, value] of Object.entries(update.parts)) parts.set(name, value);
  taken += 1;
  document.documentElement.dataset.taken = String(taken);
  if (held) for (const name of names) waiting.add(name);
  else notifyOf(names);
}

function notifyOf(names) {
  notify((prefix) => [...names].some((name) => name === prefix || (prefix.endsWith(':') && name.startsWith(prefix))));
}

/** Opens the event stream; it comes back by itself after a break, and then everything is sent anew. */
export function connect(onState) {
  let source = null;
  let timer = 0;
  let pause = 500;
  const open = () => {
    source = new EventSource('/events');
    source.onopen = () => {
      pause = 500;
      onState('online');
    };
    source.addEventListener('parts', (event) => take(JSON.parse(event.data)));
    source.onerror = () => {
      onState('offline');
      // A browser gives up for good on some errors (a refused status, a closed server): then we open a new one.
      if (source.readyState === EventSource.CLOSED) {
        clearTimeout(timer);
        timer = setTimeout(open, pause);
        pause = Math.min(pause * 2, 5000);
      }
    };
  };
  open();
  window.addEventListener('pagehide', () => source.close());
}
