/**
 * T1: templates escape everything, since amoCRM's twig does not. T2: elseif has a condition that is true or false, since
 * amoCRM's twig (twig.js 0.8.9) takes that branch for true alone, where if takes its own for any text or number too.
 */
import { literalsOf } from '../script_source.mjs';

const NAME = String.raw`\w+(?:\.\w+|\[\])*(?:\(\))?(?:\.\w+)*`;
const ESCAPED = new RegExp(`^(?:${NAME}|\\(\\)|'')(?:\\|\\w+(?:\\(\\))?)*\\|(?:escape|e)(?:\\(\\))?$`);
const FORBIDDEN = [
  [/<style\b/gi, 'an inline style sheet; styles stand in style.css'],
  [/<script\b/gi, 'a script element'],
  [/\son[a-z]+\s*=\s*["']/gi, 'an inline handler; bind it in a script'],
  [/\|\s*raw\b/g, 'raw takes the escaping off'],
  [/\{%-?\s*autoescape/g, 'autoescape is unknown to amoCRM’s twig'],
  [/href\s*=\s*["']javascript:/gi, 'an address that is code']
];

/** The expression with texts, brackets and arguments emptied, so that only its outermost form is left. */
function outline(expression) {
  let form = expression.replace(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"/g, '\'\'').replace(/\s+/g, '');
  let before;

  do {
    before = form;
    form = form.replace(/\{[^{}]*\}/g, '\'\'').replace(/\((?!\))[^()]*\)/g, '()').replace(/\[(?!\])[^[\]]*\]/g, '[]');
  } while (form !== before);
  return form;
}

export function isEscaped(expression) {
  const form = outline(expression);

  return ESCAPED.test(form) || /^include_control\(\)$/.test(form);
}

/** Whether the condition is made of comparisons and denials alone; the operands of and, or are what these give. */
export function isTrueOrFalse(condition) {
  const words = condition.replace(/'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"/g, '\'\'');

  return words.split(/\s(?:and|or)\s/).every((part) => /^\s*not\s|[=!]==?|[<>]|\s(?:is|in)\s/.test(part));
}

function check(name, text, lineOf, report) {
  for (const match of text.matchAll(/\{\{-?([\s\S]*?)-?\}\}/g)) {
    if (!isEscaped(match[1])) {
      report(name, lineOf(match.index), `{{${match[1]}}} is not escaped as a whole; end it with |escape (brackets around more than one part)`);
    }
  }
  for (const [pattern, what] of FORBIDDEN) {
    for (const match of text.matchAll(pattern)) {
      report(name, lineOf(match.index), what);
    }
  }
}

export function t1(archive, report) {
  for (const file of archive.ofKind('twig')) {
    check(file.name, file.text, (offset) => file.lineAt(offset), report);
  }
  for (const file of archive.ofKind('js')) {
    for (const { value, line } of literalsOf(file)) {
      if (/\{\{|\{%/.test(value)) {
        check(file.name, value, () => line, report);
      }
    }
  }
}

export function t2(archive, report) {
  for (const file of archive.ofKind('twig')) {
    for (const match of file.text.matchAll(/\{%-?\s*elseif\s+([\s\S]*?)\s*-?%\}/g)) {
      if (!isTrueOrFalse(match[1])) {
        report(file.name, file.lineAt(match.index), `{% elseif ${match[1]} %} is only taken for true itself: compare, as in ${match[1]} == true`);
      }
    }
  }
}
