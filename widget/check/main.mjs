/**
 * Checks archives of the widget against the moderation rules that a script can test.
 *
 *   node widget/check/main.mjs [--json] [--release] [--after VERSION] widget.zip …
 *
 * A breach is one line: rule, file:line, what to do. Exit status 1 when there is any, 2 when a file cannot be read.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';

import { Archive } from './archive.mjs';
import { ELSEWHERE, RULES } from './rules/index.mjs';

function breachesOfRules(archive, rules) {
  const found = [];

  for (const { id, check } of rules) {
    check(archive, (file, line, message) => found.push({ rule: id, file, line, message }));
  }
  return found;
}

/**
 * All breaches of one archive: [{rule, file, line, message}], in the order of the rules. While a manifest or texts
 * cannot be read, that is the only thing worth saying.
 */
export function breachesOf(archive) {
  const unreadable = breachesOfRules(archive, RULES.filter(({ id }) => id === 'M1'));

  return unreadable.length ? unreadable : breachesOfRules(archive, RULES);
}

async function checked(path, options) {
  try {
    return { archive: path, breaches: breachesOf(await Archive.read(path, await readFile(path), options)) };
  } catch (error) {
    if (error.code === 'ENOENT') {
      throw error;
    }
    return { archive: path, breaches: [{ rule: 'A1', file: '', line: 0, message: `is no readable zip: ${error.message}` }] };
  }
}

function placeOf({ file, line }) {
  return [file || 'widget.zip', line].filter(Boolean).join(':');
}

function say(results) {
  for (const { archive, breaches } of results) {
    for (const breach of breaches) {
      console.log(`${breach.rule.padEnd(4)}${placeOf(breach)}  ${breach.message}`);
    }
    console.log(`${archive}: ${RULES.length} rules checked, ${breaches.length || 'no'} breaches`);
  }
  for (const [who, items] of Object.entries(ELSEWHERE)) {
    const how = who === 'browser' ? 'Seen by the browser tests (tests/browser)' : 'For a person to look at (docs/widget.md)';

    console.log(`${how}:`);
    items.forEach(([id, text]) => console.log(`  ${id.padEnd(4)}${text}`));
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, release: { type: 'boolean' }, after: { type: 'string' } }
  });
  const results = [];

  if (!positionals.length) {
    throw new Error('which archive?');
  }
  for (const path of positionals) {
    results.push(await checked(path, values));
  }
  if (values.json) {
    console.log(JSON.stringify({ rules: RULES.map(({ id }) => id), elsewhere: ELSEWHERE, results }));
  } else {
    say(results);
  }
  process.exitCode = results.some(({ breaches }) => breaches.length) ? 1 : 0;
}

main().catch((error) => {
  console.error(`widget check: ${error.message}`);
  process.exitCode = 2;
});
