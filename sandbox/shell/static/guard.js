/*
 * Watches the document: the widget changes its own place, its windows and its one stylesheet, nothing else (rules C1, C3,
 * C4, J10). What the shell changes itself, it changes inside `own`.
 */
'use strict';

define(['jquery', 'shell/report'], function ($, { report }) {
  const SYSTEM_HOOKS = ['js-navigate-link', 'js-modal-accept', 'js-button-with-loader'];
  const zones = new Set();
  let depth = 0;
  let style = null;

  const observer = new MutationObserver(judge);
  const WHAT = {
    subtree: true,
    childList: true,
    attributes: true,
    attributeOldValue: true,
    characterData: true,
  };

  function start(code, version) {
    style = { path: `/widgets/${code}/style.css`, href: `/widgets/${code}/style.css?v=${version}` };
    observer.observe(document, WHAT);
  }

  /** Changes that are amoCRM's own; those before are judged, those inside are not. */
  function own(work) {
    if (!depth) judge(observer.takeRecords());
    depth += 1;
    try {
      return work();
    } finally {
      depth -= 1;
      if (!depth) observer.takeRecords();
    }
  }

  function judge(records) {
    if (depth) return;
    const comeAndGone = new Set();
    for (const record of records) for (const node of record.addedNodes) if (!node.isConnected) comeAndGone.add(node);
    for (const record of records) {
      const { target } = record;
      if (!target.isConnected || isOurs(target)) continue;
      if (record.type === 'childList') {
        for (const node of record.addedNodes) {
          if (node.isConnected && !isAllowed(node, target)) report('dom', `added to ${nameOf(target)}: ${nameOf(node)}`);
        }
        for (const node of record.removedNodes) {
          if (!comeAndGone.has(node) && !isHelper(node)) report('dom', `removed from ${nameOf(target)}: ${nameOf(node)}`);
        }
      } else if (record.type === 'attributes') {
        const now = target.getAttribute(record.attributeName);
        if (now !== record.oldValue) report('dom', `${record.attributeName} of ${nameOf(target)} was changed`);
      } else report('dom', `a text of ${nameOf(target.parentNode)} was changed`);
    }
  }

  function isAllowed(node, parent) {
    if (isOurs(node) || isHelper(node)) return true;
    if (node.nodeName === 'LINK' && parent === document.head) {
      const address = node.getAttribute('href');
      if (address === style.href) return document.querySelectorAll(`link[href="${style.href}"]`).length === 1;
      report('style', `a stylesheet that is not ${style.href}: ${address}`);
      return true;
    }
    if (node.nodeName === 'SCRIPT' && parent === document.head && node.hasAttribute('data-requiremodule')) return true;
    return node.nodeType === Node.COMMENT_NODE;
  }

  /** The off-screen field from which the module `clipboard` copies. */
  function isHelper(node) {
    return node.nodeName === 'TEXTAREA' && node.readOnly && node.style.position === 'absolute';
  }

  /** Inside the widget's place or one of its windows. */
  function isOurs(node) {
    for (const zone of zones) if (zone === node || zone.contains(node)) return true;
    return false;
  }

  function allow(element) {
    zones.add(element);
  }

  function forbid(element) {
    zones.delete(element);
  }

  /** Looks at what the widget has drawn: foreign hooks, layers over amoCRM, styles that leak. */
  function inspect(root, prefix) {
    for (const element of root.querySelectorAll('*')) {
      if (element.id && document.querySelectorAll(`[id="${CSS.escape(element.id)}"]`).length > 1) {
        report('hook', `the id ${element.id} is taken`);
      }
      for (const name of element.classList) {
        if (name.startsWith('js-') && !SYSTEM_HOOKS.includes(name)) report('hook', `the class ${name} is amoCRM's`);
      }
      if (element.nodeName === 'STYLE' || element.nodeName === 'SCRIPT') report('style', `<${element.nodeName}> inside the page`);
      if (getComputedStyle(element).position === 'fixed') report('layer', `${nameOf(element)} is fixed over the page`);
    }
    inspectStyles(prefix);
  }

  function inspectStyles(prefix) {
    for (const sheet of document.styleSheets) {
      if (sheet.href && new URL(sheet.href).pathname === style.path) rules(sheet.cssRules, prefix);
    }
    for (const element of document.querySelectorAll('style')) report('style', `a <style> in ${nameOf(element.parentNode)}`);
  }

  function rules(list, prefix) {
    for (const rule of list) {
      if (rule instanceof CSSStyleRule) {
        for (const selector of selectors(rule.selectorText)) {
          if (selector.startsWith(`.${prefix}`)) continue;
          const isRoot = /^(:root|html)(\[data-color-scheme="?dark"?\])?$/.test(selector);
          const names = [...rule.style];
          if (isRoot && names.length && names.every((name) => name.startsWith(`--${prefix}`))) continue;
          report('style', `the selector ${selector} reaches beyond the widget`);
        }
        for (const name of rule.style) {
          if (name.startsWith('--') && !name.startsWith(`--${prefix}`)) report('style', `the variable ${name} is not the widget's`);
        }
      } else if (rule instanceof CSSImportRule || rule instanceof CSSFontFaceRule) {
        report('style', `${rule.cssText.slice(0, 60)} is not allowed`);
      } else if (rule instanceof CSSKeyframesRule) {
        if (!rule.name.startsWith(prefix)) report('style', `the animation ${rule.name} has no prefix`);
      } else if (rule.cssRules) rules(rule.cssRules, prefix);
    }
  }

  /** The selectors of a list; commas in brackets part nothing. */
  function selectors(text) {
    const found = [''];
    let inside = 0;
    for (const sign of text) {
      if (sign === '(' || sign === '[') inside += 1;
      if (sign === ')' || sign === ']') inside -= 1;
      if (sign === ',' && !inside) found.push('');
      else found[found.length - 1] += sign;
    }
    return found.map((one) => one.trim());
  }

  /** The document without the widget's places, as text: to be compared before and after. */
  function snapshot() {
    judge(observer.takeRecords());
    const marks = [...zones].filter((zone) => zone.isConnected);
    own(() => marks.forEach((zone) => zone.setAttribute('data-shell-zone', '')));
    const copy = document.documentElement.cloneNode(true);
    own(() => marks.forEach((zone) => zone.removeAttribute('data-shell-zone')));
    for (const zone of copy.querySelectorAll('[data-shell-zone]')) {
      zone.removeAttribute('data-shell-zone');
      zone.replaceChildren();
    }
    for (const node of copy.querySelectorAll('script[data-requiremodule]')) node.remove();
    for (const node of copy.querySelectorAll('link')) if (node.getAttribute('href') === style.href) node.remove();
    return copy.outerHTML;
  }

  function nameOf(node) {
    if (!node || node.nodeType !== Node.ELEMENT_NODE) return node ? node.nodeName.toLowerCase() : 'nothing';
    return `<${node.nodeName.toLowerCase()}${node.id ? ` id="${node.id}"` : ''} class="${node.getAttribute('class') || ''}">`;
  }

  return { start, own, allow, forbid, isOurs, inspect, snapshot, check: () => judge(observer.takeRecords()) };
});
