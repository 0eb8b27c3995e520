/** J1–J6: what scripts may call. */
import { dependenciesOf, literalsOf, methodOf, nameOf, scriptOf, sourceOf, undeclared, walk } from '../script_source.mjs';

const DIALOGS = new Set(['alert', 'confirm', 'prompt']);
const OUTSIDE = new Set([
  'APP', 'AMOCRM', 'define', 'require', 'document', 'window', 'navigator', 'location', 'setTimeout', 'clearTimeout',
  'setInterval', 'clearInterval', 'requestAnimationFrame', 'cancelAnimationFrame', 'DOMParser', 'Element', 'Node',
  'HTMLElement', 'MutationObserver', 'IntersectionObserver', 'ResizeObserver', 'AbortController'
]);
const LANGUAGE = new Set([
  'Array', 'ArrayBuffer', 'Boolean', 'Date', 'Error', 'Infinity', 'Intl', 'JSON', 'Map', 'Math', 'NaN', 'Number',
  'Object', 'Promise', 'RangeError', 'RegExp', 'Set', 'String', 'Symbol', 'TypeError', 'URL', 'URLSearchParams',
  'Uint8Array', 'WeakMap', 'WeakSet', 'console', 'decodeURIComponent', 'encodeURIComponent', 'isFinite', 'isNaN',
  'parseFloat', 'parseInt', 'undefined'
]);
const SYSTEM_MODULES = new Set([
  'jquery', 'underscore', 'backbone', 'moment', 'twigjs', 'clipboard', 'lib/components/base/modal'
]);
const LOOPS = new Set(['ForStatement', 'ForInStatement', 'ForOfStatement', 'WhileStatement', 'DoWhileStatement']);
const EACH = new Set(['each', 'every', 'filter', 'find', 'flatMap', 'forEach', 'map', 'reduce', 'reduceRight', 'some']);
const NETWORK = /^(\$|jQuery)\.(ajax|get|post|getJSON)$|^(window\.)?fetch$|\.(\$authorizedAjax|crm_post)$/;
const OUR_CALLS = /(^|\.)api\.(get|post|patch|remove)$/;
const FAILURES = new Set(['catch', 'fail']);

function scripts(archive) {
  return archive.ofKind('js');
}

function line(node) {
  return node.loc.start.line;
}

function isFunction(node) {
  return ['FunctionExpression', 'ArrowFunctionExpression', 'FunctionDeclaration'].includes(node.type);
}

export function j1(archive, report) {
  for (const file of scripts(archive)) {
    walk(file, {
      CallExpression(node) {
        const name = nameOf(node.callee).replace(/^window\./, '');
        const [first] = node.arguments;

        if (name === 'eval' || name === 'Function' || name === 'document.write' || name === 'document.writeln') {
          report(file.name, line(node), `${name} is forbidden`);
        }
        if (['setTimeout', 'setInterval'].includes(name) && (first?.type === 'Literal' || first?.type === 'TemplateLiteral')) {
          report(file.name, line(node), `${name} with a text runs it as code; give it a function`);
        }
      },
      NewExpression(node) {
        if (nameOf(node.callee).replace(/^window\./, '') === 'Function') {
          report(file.name, line(node), 'new Function is forbidden');
        }
      }
    });
  }
}

export function j2(archive, report) {
  for (const file of scripts(archive)) {
    const bare = new Set(undeclared(file));

    walk(file, {
      CallExpression(node) {
        const name = nameOf(node.callee).replace(/^window\./, '');
        const isGlobal = node.callee.type === 'MemberExpression' || bare.has(node.callee);

        if (DIALOGS.has(name) && isGlobal) {
          report(file.name, line(node), `${name}() is forbidden; show it in the page or in a Modal`);
        }
      }
    });
  }
}

/** Whether the innermost function around is one that hears of a failure, or a catch block is around. */
function isInFailure(ancestors) {
  return ancestors.some((node, index) => {
    const call = ancestors[index - 1];

    if (node.type === 'CatchClause') {
      return true;
    }
    if (!isFunction(node) || call?.type !== 'CallExpression') {
      return false;
    }
    return FAILURES.has(methodOf(call)) || (methodOf(call) === 'then' && call.arguments[1] === node);
  });
}

export function j3(archive, report) {
  for (const file of scripts(archive)) {
    walk(file, {
      MemberExpression(node, ancestors) {
        const [, method] = /^(?:window\.)?console\.(\w+)$/.exec(nameOf(node)) ?? [];

        if (method === 'trace' && !isInFailure(ancestors)) {
          report(file.name, line(node), 'console.trace stands only in catch or in a handler of a rejection');
        } else if (method && method !== 'debug' && method !== 'trace') {
          report(file.name, line(node), `console.${method} is forbidden; console.debug is allowed`);
        }
      }
    });
  }
}

export function j4(archive, report) {
  for (const file of scripts(archive)) {
    for (const dependency of dependenciesOf(file)) {
      if (/^(https?:)?\/\//.test(dependency.value)) {
        report(file.name, dependency.line, `${dependency.value} comes from outside; everything lies in the archive`);
      } else if (!dependency.value.startsWith('.') && !SYSTEM_MODULES.has(dependency.value)) {
        report(file.name, dependency.line, `${dependency.value} is no module that amoCRM documents`);
      } else if (dependency.value.startsWith('.') && !dependency.value.endsWith('.js')) {
        report(file.name, dependency.line, `${dependency.value} needs its ending .js`);
      }
    }
    for (const literal of literalsOf(file)) {
      if (/<script\b/i.test(literal.value)) {
        report(file.name, literal.line, 'a script element in a text; dependencies go through define');
      }
    }
    walk(file, {
      CallExpression(node) {
        const [first] = node.arguments;
        const isScript = methodOf(node) === 'createElement' && /^script$/i.test(first?.value ?? '');

        if (isScript || methodOf(node) === 'getScript' || methodOf(node) === 'importScripts') {
          report(file.name, line(node), 'loads a script by hand; dependencies go through define');
        }
      }
    });
  }
  for (const file of archive.files.filter((one) => ['twig', 'css'].includes(one.kind))) {
    for (const match of file.text.matchAll(/<script\b|(?:src|srcset)=["'](?:https?:)?\/\/|<link\b/gi)) {
      report(file.name, file.lineAt(match.index), `«${match[0]}» loads something from elsewhere`);
    }
  }
}

/** What a node stands inside of: a loop's body, or a function that is called for each of many. */
function isRepeated(ancestors) {
  return ancestors.some((node, index) => {
    const call = ancestors[index - 1];

    return LOOPS.has(node.type)
      || (isFunction(node) && call?.type === 'CallExpression' && EACH.has(methodOf(call)) && call.arguments.includes(node));
  });
}

export function j5(archive, report) {
  for (const file of scripts(archive)) {
    walk(file, {
      Property(node) {
        if ((node.key.name ?? node.key.value) === 'async' && node.value.value === false) {
          report(file.name, line(node), 'async: false stops the whole page');
        }
      },
      CallExpression(node, ancestors) {
        const name = nameOf(node.callee);

        if ((NETWORK.test(name) || OUR_CALLS.test(name)) && isRepeated(ancestors)) {
          report(file.name, line(node), `${name} in a loop; ask once for all`);
        }
      },
      NewExpression(node, ancestors) {
        if (nameOf(node.callee).endsWith('XMLHttpRequest') && isRepeated(ancestors)) {
          report(file.name, line(node), 'a request in a loop; ask once for all');
        }
      }
    });
  }
}

export function j6(archive, report) {
  for (const file of scripts(archive)) {
    const { tree, error } = scriptOf(file);

    if (error) {
      report(file.name, error.loc?.line ?? 0, `does not parse: ${error.message}`);
      continue;
    }
    for (const name of undeclared(file)) {
      if (!OUTSIDE.has(name.name) && !LANGUAGE.has(name.name)) {
        report(file.name, line(name), `${name.name} is declared nowhere; window.${name.name}, if the browser’s is meant`);
      }
    }
    if (!/^\s*'use strict';/m.test(sourceOf(file, tree))) {
      report(file.name, 0, 'lacks \'use strict\'');
    }
    if (tree.body.some((node) => node.type.endsWith('Declaration'))) {
      report(file.name, 0, 'declares something outside define; it would be global');
    }
  }
}
