/** C1–C4, as far as text shows it: styles stay inside our own roots. */
import postcss from 'postcss';
import selectorParser from 'postcss-selector-parser';

import { literalsOf, walk, sourceOf, methodOf } from '../script_source.mjs';

const PREFIX = 'dgm-';
const HIGHEST = 99;
const ROOTS = /^:root(\[data-color-scheme=["']?dark["']?\])?$/;
const parsed = new Map();
const known = new Map();

function sheetOf(file) {
  if (!parsed.has(file.text)) {
    try {
      parsed.set(file.text, { root: postcss.parse(file.text), error: null });
    } catch (error) {
      parsed.set(file.text, { root: postcss.root(), error });
    }
  }
  return parsed.get(file.text);
}

function line(node) {
  return node.source.start.line;
}

function inKeyframes(rule) {
  return rule.parent?.type === 'atrule' && /keyframes$/.test(rule.parent.name);
}

/** Whether the first compound of a selector has one of our classes. */
function beginsWithOurs(selector) {
  if (!known.has(selector)) {
    known.set(selector, hasOursFirst(selector));
  }
  return known.get(selector);
}

function hasOursFirst(selector) {
  let isOurs = false;

  selectorParser((root) => {
    for (const node of root.first.nodes) {
      if (node.type === 'combinator') {
        break;
      }
      isOurs ||= node.type === 'class' && node.value.startsWith(PREFIX);
    }
    isOurs &&= ['class'].includes(root.first.first.type);
  }).processSync(selector);
  return isOurs;
}

export function c1(archive, report) {
  for (const file of archive.ofKind('css')) {
    const { root, error } = sheetOf(file);

    if (error) {
      report(file.name, error.line ?? 0, `does not parse: ${error.reason}`);
    }
    root.walkRules((rule) => {
      if (inKeyframes(rule)) {
        return;
      }
      for (const selector of rule.selectors) {
        const isRoot = ROOTS.test(selector);

        if (isRoot && rule.nodes.some((one) => one.type === 'decl' && !one.prop.startsWith(`--${PREFIX}`))) {
          report(file.name, line(rule), `${selector} may hold only --${PREFIX}… variables`);
        } else if (!isRoot && !beginsWithOurs(selector)) {
          report(file.name, line(rule), `«${selector}» does not begin with a class of ours (.${PREFIX}…)`);
        }
      }
    });
  }
}

export function c2(archive, report) {
  for (const file of archive.ofKind('css')) {
    sheetOf(file).root.walk((node) => {
      if (node.type === 'atrule' && ['import', 'font-face', 'namespace', 'layer', 'property'].includes(node.name)) {
        report(file.name, line(node), `@${node.name} reaches beyond the widget`);
      }
      if (node.type === 'atrule' && /keyframes$/.test(node.name) && !node.params.startsWith(PREFIX)) {
        report(file.name, line(node), `@keyframes ${node.params} needs the prefix ${PREFIX}`);
      }
      if (node.type === 'decl' && node.prop.startsWith('--') && !node.prop.startsWith(`--${PREFIX}`)) {
        report(file.name, line(node), `${node.prop} is not ours to set`);
      }
      if (node.type === 'decl' && /url\(\s*['"]?(https?:)?\/\//.test(node.value)) {
        report(file.name, line(node), 'loads from outside; everything lies in the archive');
      }
      if (node.type === 'decl' && node.important && !/\.dgm-/.test(node.parent.selector ?? '')) {
        report(file.name, line(node), '!important outside our own classes');
      }
    });
  }
}

export function c3(archive, report) {
  const sheets = archive.ofKind('css');
  const isLoaded = archive.ofKind('js').some((file) => literalsOf(file).some(({ value }) => value === '/style.css?v='));

  if (sheets.length !== 1 || sheets[0].name !== 'style.css') {
    report('style.css', 0, 'one stylesheet, at the root');
  }
  if (!isLoaded) {
    report('script.js', 0, 'init adds the stylesheet as params.path + \'/style.css?v=\' + get_version()');
  }
  for (const file of archive.ofKind('js')) {
    for (const literal of literalsOf(file)) {
      if (/<style\b/i.test(literal.value)) {
        report(file.name, literal.line, 'a style element in a text; styles stand in style.css');
      }
    }
    walk(file, {
      CallExpression(node) {
        if (methodOf(node) === 'createElement' && node.arguments[0]?.value === 'style') {
          report(file.name, node.loc.start.line, `${sourceOf(file, node)}: styles stand in style.css`);
        }
      }
    });
  }
}

export function c4(archive, report) {
  for (const file of archive.ofKind('css')) {
    sheetOf(file).root.walkDecls(/^(position|z-index)$/, (node) => {
      if (node.value === 'fixed') {
        report(file.name, line(node), 'position: fixed covers what is amoCRM’s; use Modal');
      }
      if (node.prop === 'z-index' && Number(node.value) > HIGHEST) {
        report(file.name, line(node), `z-index ${node.value} covers what is amoCRM’s (at most ${HIGHEST})`);
      }
    });
  }
}
