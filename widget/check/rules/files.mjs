/** A1, A2, A5–A8: which files there are, and in which form. */
import { basename } from 'node:path';

import { dependenciesOf, literalsOf, nameOf, walk } from '../script_source.mjs';

const LONGEST_LINE = 200;
const MEAN_LINE = { js: 80, css: 80, twig: 100 };
const FEW_LINES = 5;
const LOGOS = ['logo', 'logo_main', 'logo_medium', 'logo_min', 'logo_small'];
const KINDS = new Set(['js', 'json', 'css', 'twig', 'png', 'jpg', 'jpeg', 'gif']);
const OBFUSCATED = [/eval\(function\s*\(p,\s*a,\s*c/, /\b_0x[0-9a-f]{2,}/, /sourceMappingURL/];

export function a1(archive, report) {
  if (basename(archive.path) !== 'widget.zip') {
    report(basename(archive.path), 0, 'amoCRM takes the archive only under the name widget.zip');
  }
  if (!archive.get('manifest.json') || !archive.get('script.js')) {
    report('', 0, 'manifest.json and script.js belong at the archive’s root, not in a folder');
  }
  for (const file of archive.files) {
    if (file.name.startsWith('/') || file.name.includes('\\') || file.name.split('/').includes('..')) {
      report(file.name, 0, 'a path inside the archive is relative and has forward slashes');
    }
  }
  if (archive.byName.size !== archive.files.length) {
    report('', 0, 'the archive holds a name twice');
  }
}

export function a2(archive, report) {
  const locales = archive.manifest.widget?.locale ?? [];
  const wanted = [
    'manifest.json',
    'script.js',
    ...locales.map((locale) => `i18n/${locale}.json`),
    ...LOGOS.map((name) => `images/${name}.png`)
  ];

  for (const name of wanted) {
    if (!archive.get(name)) {
      report(name, 0, 'missing; amoCRM requires this file');
    }
  }
}

/* --- A5: what leads to a file */

function resolved(base, path) {
  return new URL(path, `https://x/${base}`).pathname.slice(1);
}

const LOADERS = new Set(['render', 'load', 'draw', 'preload']);

/** Names of files that a script leads to: [{name, line, isCertain}]; certain ones must exist. */
function leadsOfScript(archive, file) {
  const leads = [];

  for (const { value, line } of dependenciesOf(file)) {
    if (value.startsWith('.')) {
      leads.push({ name: resolved(file.name, value), line, isCertain: true });
    }
  }
  for (const { value, line } of literalsOf(file)) {
    const path = value.replace(/^\/+/, '').replace(/\?.*$/, '');

    leads.push({ name: path, line }, { name: `templates/${path}.twig`, line });
  }
  walk(file, {
    CallExpression(node) {
      const [first] = node.arguments;
      const isLoader = LOADERS.has(nameOf(node.callee).split('.').pop()) && /(^|\.)view\./i.test(nameOf(node.callee));

      if (isLoader && first?.type === 'Literal' && typeof first.value === 'string') {
        leads.push({ name: `templates/${first.value}.twig`, line: first.loc.start.line, isCertain: true });
      }
    }
  });
  return leads;
}

function leadsOfText(file, pattern) {
  return [...file.text.matchAll(pattern)].map((match) => ({
    name: match[1].replace(/^\/+/, '').replace(/\?.*$/, ''), line: file.lineAt(match.index), isCertain: false
  }));
}

function leadsOf(archive, file) {
  if (file.kind === 'js') {
    return leadsOfScript(archive, file);
  }
  if (file.kind === 'css') {
    const urls = leadsOfText(file, /url\(\s*['"]?([^'")]+)['"]?\s*\)/g).filter((lead) => !/^(data:|#)/.test(lead.name));

    return urls.map((lead) => ({ ...lead, name: resolved(file.name, lead.name), isCertain: !lead.name.includes(':') }));
  }
  if (file.kind === 'twig') {
    return leadsOfText(file, /['"]([\w./-]+\.(?:twig|png|jpe?g|gif))['"]/g);
  }
  return [];
}

function leadsOfManifest(archive) {
  const tour = Object.values(archive.manifest.tour?.tour_images ?? {}).flat();

  return [
    'script.js',
    ...[...archive.locales.keys()].map((locale) => `i18n/${locale}.json`),
    ...LOGOS.map((name) => `images/${name}.png`),
    ...tour.map((path) => String(path).replace(/^\/+/, ''))
  ];
}

export function a5(archive, report) {
  const reached = new Set(['manifest.json']);
  const waiting = leadsOfManifest(archive);

  while (waiting.length) {
    const name = waiting.pop();
    const file = archive.get(name);

    if (file && !reached.has(name)) {
      reached.add(name);
      for (const lead of leadsOf(archive, file)) {
        if (archive.get(lead.name)) {
          waiting.push(lead.name);
        } else if (lead.isCertain) {
          report(name, lead.line, `leads to ${lead.name}, which is not in the archive`);
        }
      }
    }
  }
  for (const file of archive.files) {
    if (file.name.endsWith('/')) {
      report(file.name, 0, 'an entry for a folder; leave it out');
    } else if (!reached.has(file.name)) {
      const hint = KINDS.has(file.kind) ? 'nothing leads to it' : 'no file of this kind belongs in the archive';

      report(file.name, 0, `${hint}; take it out`);
    }
  }
}

/* --- the form of texts */

export function a6(archive, report) {
  for (const file of archive.files.filter((one) => one.isText)) {
    if (file.bytes.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) {
      report(file.name, 1, 'begins with a byte order mark; save it as UTF-8 without BOM');
    }
    for (const [character, name] of [['\r', 'a carriage return; lines end with \\n alone'], ['\0', 'a NUL']]) {
      if (file.text.includes(character)) {
        report(file.name, file.lineAt(file.text.indexOf(character)), `holds ${name}`);
      }
    }
    if (!Buffer.from(file.text).equals(file.bytes)) {
      report(file.name, 0, 'is not UTF-8');
    }
  }
}

export function a7(archive, report) {
  for (const file of archive.files.filter((one) => ['js', 'css', 'twig'].includes(one.kind))) {
    const lines = file.text.split('\n');
    const long = lines.findIndex((line) => line.length > LONGEST_LINE);
    const filled = lines.filter((line) => line.trim());

    if (long >= 0) {
      report(file.name, long + 1, `a line of ${lines[long].length} characters (at most ${LONGEST_LINE}); break it`);
    }
    const mean = filled.reduce((sum, line) => sum + line.length, 0) / filled.length;

    if (filled.length > FEW_LINES && mean > MEAN_LINE[file.kind]) {
      report(file.name, 0, `lines have ${Math.round(mean)} characters on average (at most ${MEAN_LINE[file.kind]})`);
    }
    for (const pattern of OBFUSCATED) {
      const match = pattern.exec(file.text);

      if (match) {
        report(file.name, file.lineAt(match.index), `«${match[0]}» is what minified or packed code has`);
      }
    }
  }
}

function newer(version, than) {
  const [left, right] = [version, than].map((text) => text.split('.').map(Number));
  const place = left.findIndex((number, index) => number !== (right[index] ?? 0));

  return place >= 0 && left[place] > (right[place] ?? 0);
}

export function a8(archive, report) {
  const names = archive.files.map((file) => file.name);
  const version = String(archive.manifest.widget?.version ?? '');

  if (names.some((name, index) => index && Buffer.from(names[index - 1]).compare(Buffer.from(name)) > 0)) {
    report('', 0, 'entries are not sorted by name; build with `dealgram widget build`');
  }
  if (new Set(archive.files.map((file) => file.modified)).size > 1) {
    report('', 0, 'entries carry different times; build with `dealgram widget build`');
  }
  if (archive.files.some((file) => file.mode !== 0o644)) {
    report('', 0, 'entries carry other permissions than 0644; build with `dealgram widget build`');
  }
  if (archive.options.after && !newer(version, archive.options.after)) {
    report('manifest.json', 0, `version ${version} is not greater than the released ${archive.options.after}; raise it`);
  }
}
