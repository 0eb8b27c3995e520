/*
 * Brings a part of the page to new markup and leaves alone what is equal, so that focus, selection, scrolling and
 * pictures stay while the page updates itself.
 *
 * Elements with data-dgm-key are recognised by it among their siblings; all others by their place.
 */
define([], function () {
  'use strict';

  function keyOf(node) {
    return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute('data-dgm-key') : null;
  }

  function isAlike(live, wanted) {
    return live.nodeType === wanted.nodeType && live.nodeName === wanted.nodeName && keyOf(live) === keyOf(wanted);
  }

  function patchAttributes(live, wanted) {
    Array.from(live.attributes).forEach(function (attribute) {
      if (!wanted.hasAttribute(attribute.name)) {
        live.removeAttribute(attribute.name);
      }
    });
    Array.from(wanted.attributes).forEach(function (attribute) {
      if (live.getAttribute(attribute.name) !== attribute.value) {
        live.setAttribute(attribute.name, attribute.value);
      }
    });
  }

  function patchNode(live, wanted) {
    if (live.nodeType === Node.ELEMENT_NODE) {
      patchAttributes(live, wanted);
      patchChildren(live, wanted);
    } else if (live.nodeValue !== wanted.nodeValue) {
      live.nodeValue = wanted.nodeValue;
    }
  }

  /* The live children that are to stay: what is gone leaves first, so that the others need not move. */
  function dropGone(live, wanted) {
    const stays = {};
    const keyed = {};

    Array.from(wanted.childNodes).forEach(function (node) {
      const key = keyOf(node);

      if (key !== null) {
        stays[key] = node.nodeName;
      }
    });
    Array.from(live.childNodes).forEach(function (node) {
      const key = keyOf(node);

      if (key === null) {
        return;
      }
      if (stays[key] === node.nodeName) {
        keyed[key] = node;
      } else {
        live.removeChild(node);
      }
    });
    return keyed;
  }

  function patchChildren(live, wanted) {
    const keyed = dropGone(live, wanted);
    let place = live.firstChild;

    Array.from(wanted.childNodes).forEach(function (next) {
      const key = keyOf(next);
      const found = key === null ? null : keyed[key];

      if (found) {
        if (found === place) {
          place = place.nextSibling;
        } else {
          live.insertBefore(found, place);
        }
        patchNode(found, next);
      } else if (place && isAlike(place, next)) {
        const same = place;

        place = place.nextSibling;
        patchNode(same, next);
      } else {
        live.insertBefore(next, place);
      }
    });
    while (place) {
      const rest = place;

      place = place.nextSibling;
      live.removeChild(rest);
    }
  }

  /* Markup is read by a parser of its own document: nothing in it runs or loads before it is wanted. */
  return function patch(element, html) {
    patchChildren(element, new DOMParser().parseFromString(html, 'text/html').body);
  };
});
