/** Scripts as trees: parsed once per content, walked with their ancestors, with the names they leave undeclared. */
import { parse } from 'acorn';
import { fullAncestor } from 'acorn-walk';
import { analyze } from 'eslint-scope';

const VERSION = 2020;
const parsed = new Map();

function read(text) {
  const comments = [];

  try {
    const tree = parse(text, { ecmaVersion: VERSION, sourceType: 'script', locations: true, ranges: true,
      onComment: comments });

    return { tree, comments, error: null };
  } catch (error) {
    return { tree: null, comments, error };
  }
}

/** {tree, comments, error} of a script's text. */
export function scriptOf(file) {
  if (!parsed.has(file.text)) {
    parsed.set(file.text, read(file.text));
  }
  return parsed.get(file.text);
}

/** Whether a text, a comment say, is JavaScript that does something. */
export function isCode(text) {
  if (!/[;{}()=]/.test(text)) {
    return false;
  }
  try {
    const statements = parse(text, { ecmaVersion: VERSION, sourceType: 'script', allowReturnOutsideFunction: true }).body;

    return statements.some((one) => {
      return one.type !== 'EmptyStatement' && one.type !== 'LabeledStatement'
        && !(one.type === 'ExpressionStatement' && ['Identifier', 'Literal'].includes(one.expression.type));
    });
  } catch {
    return false;
  }
}

/** Type to its nodes, each with its ancestors from the root to the parent. */
function nodesOf(script) {
  if (!script.nodes) {
    script.nodes = new Map();
    fullAncestor(script.tree, (node, _state, ancestors) => {
      const same = script.nodes.get(node.type) ?? [];

      same.push([node, ancestors.slice(0, -1)]);
      script.nodes.set(node.type, same);
    });
  }
  return script.nodes;
}

/** Call `visitors[type](node, ancestors)` for each node of a type; ancestors from the root to the parent. */
export function walk(file, visitors) {
  const script = scriptOf(file);

  for (const [type, visit] of script.tree ? Object.entries(visitors) : []) {
    (nodesOf(script).get(type) ?? []).forEach(([node, ancestors]) => visit(node, ancestors));
  }
}

/** Uses of names that the script does not declare: identifier nodes. */
export function undeclared(file) {
  const script = scriptOf(file);

  if (script.tree && !script.through) {
    const scopes = analyze(script.tree, { ecmaVersion: VERSION, sourceType: 'script' });

    script.through = scopes.globalScope.through.map((reference) => reference.identifier);
  }
  return script.through ?? [];
}

/** All string constants with their nodes, template texts too. */
export function literalsOf(file) {
  const script = scriptOf(file);

  if (!script.literals) {
    script.literals = [];
    walk(file, {
      Literal(node) {
        if (typeof node.value === 'string') {
          script.literals.push({ value: node.value, line: node.loc.start.line });
        }
      },
      TemplateElement(node) {
        script.literals.push({ value: node.value.cooked ?? '', line: node.loc.start.line });
      }
    });
  }
  return script.literals;
}

/** `a.b.c` of a chain of names; '' where it is something else. */
export function nameOf(node) {
  if (node.type === 'Identifier') {
    return node.name;
  }
  if (node.type === 'ThisExpression') {
    return 'this';
  }
  if (node.type === 'MemberExpression') {
    const owner = nameOf(node.object);
    const key = node.computed ? node.property.value : node.property.name;

    return owner && typeof key === 'string' ? `${owner}.${key}` : '';
  }
  return '';
}

/** The method's name of a call: `c` of `a().b.c()`, `f` of `f()`. */
export function methodOf(call) {
  const callee = call.callee;

  if (callee.type === 'MemberExpression') {
    return callee.computed ? callee.property.value : callee.property.name;
  }
  return callee.type === 'Identifier' ? callee.name : '';
}

/** The text of a node. */
export function sourceOf(file, node) {
  return file.text.slice(node.start, node.end);
}

/** The modules that a script asks for in define and require: {value, line}. */
export function dependenciesOf(file) {
  const found = [];

  walk(file, {
    CallExpression(node) {
      if (!['define', 'require', 'requirejs'].includes(nameOf(node.callee))) {
        return;
      }
      for (const argument of node.arguments) {
        const elements = argument.type === 'ArrayExpression' ? argument.elements : [];

        for (const element of elements) {
          if (element?.type === 'Literal') {
            found.push({ value: String(element.value), line: element.loc.start.line });
          }
        }
      }
    }
  });
  return found;
}
