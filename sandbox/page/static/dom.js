/*
 * Building and updating the document. Promises: text given to `h` is always text (a child string becomes a text node),
 * and `reconcile` keeps the elements of unchanged items, so focus, selection and scroll position survive an update.
 */

const SVG = 'http://www.w3.org/2000/svg';

// 24×24 outlines, drawn with a round 2 px stroke.
const ICONS = {
  send: 'M4.5 12 3 4.5 21 12 3 19.5 4.5 12Zm0 0H12',
  plus: 'M12 5v14M5 12h14',
  people:
    'M16 20v-1.5a3.5 3.5 0 0 0-3.5-3.5h-6A3.5 3.5 0 0 0 3 18.5V20M9.5 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M21 20v-1.5a3.5 3.5 0 0 0-2.6-3.4M15.5 4.7a3.5 3.5 0 0 1 0 6.6',
  bot: 'M5.5 9h13A1.5 1.5 0 0 1 20 10.5v8a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 18.5v-8A1.5 1.5 0 0 1 5.5 9ZM12 9V5.5M12 5.5a1 1 0 1 0 0-2 1 1 0 0 0 0 2M9 13.5v1.5M15 13.5v1.5',
  reply: 'M9 7 4 12l5 5M4 12h10a6 6 0 0 1 6 6v1',
  close: 'M6 6l12 12M18 6 6 18',
  copy: 'M9 9h9.5A1.5 1.5 0 0 1 20 10.5V19a1 1 0 0 1-1 1h-9.5A1.5 1.5 0 0 1 8 18.5V10a1 1 0 0 1 1-1ZM5 15a1 1 0 0 1-1-1V5.5A1.5 1.5 0 0 1 5.5 4H14a1 1 0 0 1 1 1',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  checks: 'M2.5 12.5 7 17l9.5-9.5M12 17l9.5-9.5',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 7v5l3 2',
  alert: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 7.5v5.5M12 16.5v.01',
  pulse: 'M3 12h4l2.5-7 5 14 2.5-7h4',
  deal: 'M4 8.5A1.5 1.5 0 0 1 5.5 7h13A1.5 1.5 0 0 1 20 8.5v10a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 18.5ZM9 7V5.5A1.5 1.5 0 0 1 10.5 4h3A1.5 1.5 0 0 1 15 5.5V7M4 12.5h16',
  search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14M20 20l-4-4',
  shield: 'M12 21c4.5-1.5 7-4.5 7-9V6l-7-3-7 3v6c0 4.5 2.5 7.5 7 9Z',
  note: 'M5 4.5h14v9.5l-5.5 5.5H5ZM13.5 19.5V14H19',
  remove: 'M5 12h14',
  up: 'M12 19V5M6 11l6-6 6 6',
  unplug: 'M4 20l4-4M7 13l4 4 2-2-4-4ZM20 4l-4 4M17 11l-4-4-2 2 4 4Z',
  clip:
    'M20 11.5l-8.2 8.2a5 5 0 0 1-7-7l8.4-8.5a3.4 3.4 0 0 1 4.8 4.8l-8.4 8.5a1.7 1.7 0 0 1-2.4-2.4L15 7.3',
  gear:
    'M12 15.5a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M12 3v3M12 18v3M3 12h3M18 12h3M5.600 5.600l2.100 2.100M16.300 16.300l2.100 2.100M18.400 5.600l-2.100 2.100M7.700 16.300l-2.100 2.100',
  pencil: 'M4 20l1-4.5L16 4.5 19.5 8 8.5 19 4 20ZM14 6.5 17.5 10',
  slash: 'M14.5 5l-5 14',
  ban: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M5.7 5.7l12.6 12.6',
};

/** Makes an element. `props`: `class`, `on*` listeners, `data-*`/`aria-*` and other attributes; false and null are left out. */
export function h(tag, props, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export function icon(name, extra = '') {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon ${extra}`.trim());
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** A round avatar with initials; its colour follows from the name, so one person looks the same in both panes. */
export function avatar(name, extra = '') {
  const letters = name
    .replace(/[^\p{L}\p{N}\s]/gu, ' ')
    .trim()
    .split(/\s+/)
    .filter(Boolean);
  const initials = (letters.length > 1 ? letters[0][0] + letters[1][0] : (letters[0] || '•').slice(0, 1)).toUpperCase();
  return h('span', { class: `avatar hue-${hue(name)} ${extra}`.trim(), 'aria-hidden': 'true' }, initials);
}

export function hue(name) {
  let sum = 11;
  for (const letter of name) sum = (sum * 67 + letter.codePointAt(0)) % 9973;
  return sum % 7;
}

/**
 * Makes `container` hold one element per item, in order. `sign(item)` says what the element shows: while it stays the
 * same, the element stays too; otherwise `render(item)` makes a new one, and the focus moves to the same `data-focus`.
 */
export function reconcile(container, items, key, sign, render) {
  const old = new Map();
  for (const child of container.children) if (child.dataset.key !== undefined) old.set(child.dataset.key, child);
  let place = container.firstElementChild;
  for (const item of items) {
    const id = String(key(item));
    const signature = sign(item);
    let element = old.get(id);
    old.delete(id);
    if (!element || element.signature !== signature) {
      const made = render(item);
      made.dataset.key = id;
      made.signature = signature;
      if (element) {
        const mark = element.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
        if (place === element) place = made;
        element.replaceWith(made);
        if (mark !== undefined)
          (made.dataset.focus === mark ? made : made.querySelector(`[data-focus="${CSS.escape(mark)}"]`))?.focus();
      }
      element = made;
    }
    if (element === place) place = place.nextElementSibling;
    else container.insertBefore(element, place);
  }
  for (const gone of old.values()) gone.remove();
}

/** Fills a `<select>` with [value, text] pairs and keeps the choice where it still exists. */
export function fillSelect(select, options, wanted) {
  const signature = JSON.stringify(options);
  if (select.signature !== signature) {
    const kept = select.value;
    select.replaceChildren(...options.map(([value, text]) => h('option', { value: String(value) }, text)));
    select.signature = signature;
    if (options.some(([value]) => String(value) === kept)) select.value = kept;
  }
  if (wanted !== undefined && options.some(([value]) => String(value) === String(wanted)))
    select.value = String(wanted);
}

/** Keeps a scrolled list at its end while the reader is there, whatever grows or is shown anew. Returns "go to the end". */
export function keepAtEnd(scroller, content) {
  let atEnd = true;
  let last = 0;
  const settle = () => {
    if (atEnd) scroller.scrollTop = scroller.scrollHeight;
  };
  scroller.addEventListener('scroll', () => {
    if (!scroller.clientHeight) return;
    // Only who scrolls up leaves the end: a picture that has just been loaded makes the way to it longer.
    const isNear = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
    if (isNear || scroller.scrollTop < last) atEnd = isNear;
    last = scroller.scrollTop;
  });
  const observer = new ResizeObserver(settle);
  observer.observe(scroller);
  observer.observe(content);
  return () => {
    atEnd = true;
    settle();
  };
}

/** Lets a text area grow with its text, up to the height that the style sheet allows. */
export function fitHeight(area) {
  area.style.height = '';
  if (area.scrollHeight > area.clientHeight) area.style.height = `${area.scrollHeight}px`;
}

const clock = new Intl.DateTimeFormat('ru', { hour: '2-digit', minute: '2-digit' });
const calendar = new Intl.DateTimeFormat('ru', { day: 'numeric', month: 'long' });

export const time = (seconds) => clock.format(seconds * 1000);
export const day = (seconds) => calendar.format(seconds * 1000);

/** «1 участник», «3 участника», «5 участников». */
export function plural(count, one, few, many) {
  const tens = count % 100;
  const units = count % 10;
  if (tens > 10 && tens < 20) return `${count} ${many}`;
  if (units === 1) return `${count} ${one}`;
  return `${count} ${units > 1 && units < 5 ? few : many}`;
}
