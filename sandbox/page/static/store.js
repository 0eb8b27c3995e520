/*
 * What the server says, part by part. The page server sends named parts (`telegram`, `chat:<key>`, `amocrm`,
 * `deal:<account>:<id>`, `health`), first all of them, then those that changed. Panes watch the names they show.
 */

const parts = new Map();
const watchers = new Set();

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
