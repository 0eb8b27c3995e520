/** J7–J11 and S2, as far as text shows it: traces of development, and keeping off what is amoCRM's. */
import { lineOf } from '../archive.mjs';
import { isCode, literalsOf, methodOf, nameOf, scriptOf, sourceOf, walk } from '../script_source.mjs';
import { callbacksOf } from './manifest.mjs';

const CONFIG = 'lib/config.js';
const MARKS = /\b(TODO|FIXME|XXX|HACK)\b/;
const TEST_DATA = /\blocalhost\b|127\.0\.0\.1|\bngrok\b|example\.(com|org|net)\b|\btest@|lorem ipsum/i;
const PLACEHOLDER = /dealgram\.example/;
const ALLOWED_APP = new Set([
  'getBaseEntity', 'isCard', 'getWidgetsArea', 'lang_id', 'constant', 'data', 'notifications', 'sdk'
]);
const CONSTANTS = new Set(['user', 'user_rights', 'account', 'managers', 'groups', 'task_types']);
const AMO = /^(?:window\.)?(?:APP|AMOCRM)\b/;
const SYSTEM_PARTS = [
  /widget-settings__(base-space|additional|command-plate|rating|reviews?)/,
  /switcher__(on|off)/, /\bleft-menu\b/, /#?\bnav_menu\b/, /\.nav__/, /notification-center|js-notifications/,
  /\.widget_settings_block__descr/, /widget[-_]review/
];

function line(node) {
  return node.loc.start.line;
}

export function j7(archive, report) {
  for (const file of archive.ofKind('js')) {
    for (const comment of scriptOf(file).comments) {
      const text = comment.value.replace(/^\s*\*+/gm, '').trim();

      if (MARKS.test(text)) {
        report(file.name, line(comment), `«${MARKS.exec(text)[0]}»: comments only explain`);
      } else if (isCode(text)) {
        report(file.name, line(comment), 'code that is commented out; take it out');
      }
    }
    walk(file, {
      DebuggerStatement(node) {
        report(file.name, line(node), 'debugger is a trace of development');
      }
    });
  }
  for (const file of archive.ofKind('css')) {
    for (const match of file.text.matchAll(/\/\*([\s\S]*?)\*\//g)) {
      if (/[{};]\s*$/.test(match[1].trim()) || MARKS.test(match[1])) {
        report(file.name, file.lineAt(match.index), 'rules that are commented out, or a note to oneself; take it out');
      }
    }
  }
  for (const file of archive.ofKind('twig')) {
    for (const match of file.text.matchAll(/\{#([\s\S]*?)#\}|<!--[\s\S]*?-->/g)) {
      if (match[1] === undefined || MARKS.test(match[1]) || /<\w|\{[{%]/.test(match[1])) {
        report(file.name, file.lineAt(match.index), 'markup that is commented out, or a note to oneself; take it out');
      }
    }
  }
  for (const file of archive.files.filter((one) => one.isText)) {
    // Addresses of a test installation stand in the configuration, and are looked at when it is a release.
    const isConfigured = file.name === CONFIG || file.kind === 'json';
    const match = isConfigured && !archive.options.release ? null : TEST_DATA.exec(file.text);

    if (match) {
      report(file.name, file.lineAt(match.index), `«${match[0]}» is test data`);
    }
    if (archive.options.release && PLACEHOLDER.test(file.text)) {
      report(file.name, lineOf(file, 'dealgram.example'), 'holds a placeholder; build with the seller’s configuration');
    }
  }
}

export function j8(archive, report) {
  for (const file of archive.ofKind('js')) {
    const written = (node, target) => {
      if (AMO.test(nameOf(target) || sourceOf(file, target))) {
        report(file.name, line(node), `writes to ${sourceOf(file, target)}; widgets only read there`);
      }
    };

    walk(file, {
      AssignmentExpression: (node) => written(node, node.left),
      UpdateExpression: (node) => written(node, node.argument),
      UnaryExpression: (node) => node.operator === 'delete' && written(node, node.argument),
      MemberExpression(node) {
        const isApp = /^(?:window\.)?(?:APP|AMOCRM)$/.test(nameOf(node.object));
        const name = node.property.name ?? node.property.value;

        if (isApp && !ALLOWED_APP.has(name)) {
          report(file.name, line(node), `${sourceOf(file, node)} is not documented`);
        }
      },
      CallExpression(node) {
        if (/^(?:window\.)?(?:APP|AMOCRM)\.constant$/.test(nameOf(node.callee))) {
          const [first, second] = node.arguments;

          if (second) {
            report(file.name, line(node), 'APP.constant with two arguments writes; widgets only read there');
          }
          if (first?.type !== 'Literal' || !CONSTANTS.has(first.value)) {
            report(file.name, line(node), `APP.constant(${first ? sourceOf(file, first) : ''}) is not documented`);
          }
        }
      }
    });
  }
}

export function j9(archive, report) {
  for (const file of archive.ofKind('js')) {
    for (const { value, line: at } of literalsOf(file)) {
      if (/js-widget-(install|uninstall)/.test(value)) {
        report(file.name, at, 'reaches for amoCRM’s button «Установить»/«Отключить»');
      }
    }
    walk(file, {
      CallExpression(node) {
        const [first] = node.arguments;
        const isClick = (methodOf(node) === 'click' && !node.arguments.length)
          || (methodOf(node) === 'trigger' && /^click\b/.test(first?.value ?? ''));

        if (isClick && node.callee.type === 'MemberExpression') {
          const target = sourceOf(file, node.callee.object);

          if (/js-widget-|widget-save|saveButton/i.test(target)) {
            report(file.name, line(node), 'presses amoCRM’s button by itself; only a person does');
          }
        }
      }
    });
  }
}

export function j10(archive, report) {
  for (const file of archive.files.filter((one) => ['js', 'css', 'twig'].includes(one.kind))) {
    for (const pattern of SYSTEM_PARTS) {
      const match = pattern.exec(file.text);

      if (match) {
        report(file.name, file.lineAt(match.index), `«${match[0]}» is amoCRM’s; leave it alone`);
      }
    }
  }
}

function returnsOf(file, fn) {
  const found = [];

  walk(file, {
    ReturnStatement(node, ancestors) {
      const inner = ancestors.filter((one) => /Function/.test(one.type)).at(-1);

      if (inner === fn) {
        found.push(node);
      }
    }
  });
  return found;
}

const WHOLE_PAGE = /^\$\((document|window|document\.body|document\.documentElement|'body'|'html')\)$/;

/**
 * Handlers that outlive our elements: on the whole page they need a namespace to be taken off by. Those on elements of
 * ours go with them.
 */
function checkHandlers(file, report) {
  let added = 0;
  let removed = 0;

  walk(file, {
    CallExpression(node) {
      const [first] = node.arguments;
      const method = methodOf(node);

      const target = node.callee.type === 'MemberExpression' ? sourceOf(file, node.callee.object) : '';

      if (['on', 'one'].includes(method) && WHOLE_PAGE.test(target) && first?.type === 'Literal') {
        const bare = String(first.value).split(/\s+/).filter((event) => !event.includes('.'));

        if (bare.length) {
          report(file.name, line(node), `handler of «${bare.join(' ')}» has no namespace; add '.' + widget_code`);
        }
      }
      added += method === 'addEventListener' ? 1 : 0;
      removed += method === 'removeEventListener' ? 1 : 0;
    }
  });
  if (added > removed) {
    report(file.name, 0, 'addEventListener without removeEventListener; a listener would outlive the area');
  }
}

export function j11(archive, report) {
  const script = archive.get('script.js');
  const callbacks = callbacksOf(archive);

  for (const name of ['render', 'init', 'bind_actions', 'onSave', 'destroy']) {
    if (!callbacks.has(name)) {
      report('script.js', 0, `callbacks.${name} is missing`);
    }
  }
  for (const name of ['render', 'init', 'bind_actions']) {
    const returns = callbacks.has(name) ? returnsOf(script, callbacks.get(name)) : [];

    if (callbacks.has(name) && (!returns.length || returns.some((one) => one.argument?.value !== true))) {
      report('script.js', lineOf(script, `${name}:`), `callbacks.${name} returns true, always`);
    }
  }
  for (const file of archive.ofKind('js')) {
    checkHandlers(file, report);
  }
}

export function s2(archive, report) {
  for (const file of archive.ofKind('js')) {
    for (const match of file.text.matchAll(/\b(sessionStorage|indexedDB|document\.cookie|sendBeacon)\b/g)) {
      report(file.name, file.lineAt(match.index), `${match[1]}: nothing about people or bots is kept in the browser`);
    }
    walk(file, {
      CallExpression(node) {
        const isKept = /(^|\.)localStorage\.setItem$/.test(nameOf(node.callee));

        if (isKept && node.arguments[1]?.type !== 'Literal') {
          report(file.name, line(node), 'localStorage keeps a computed value; only constants (a hint was closed) may stay');
        }
      }
    });
  }
}
