/**
 * The zip as rules see it: its entries in order, their bytes, texts and parsed forms.
 *
 * Parsing is remembered by content, so that many almost equal archives are checked in the time of one.
 */
import { promisify } from 'node:util';

import * as yauzl from 'yauzl';

const TEXT_KINDS = new Set(['js', 'json', 'css', 'twig', 'html', 'txt', 'svg']);
const openBuffer = promisify(yauzl.fromBuffer);

async function contentOf(zip, entry) {
  const stream = await promisify(zip.openReadStream.bind(zip))(entry);
  const chunks = [];

  for await (const chunk of stream) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function entriesOf(zip) {
  return new Promise((resolve, reject) => {
    const found = [];

    zip.on('entry', (entry) => {
      found.push(entry);
      zip.readEntry();
    });
    zip.on('end', () => resolve(found));
    zip.on('error', reject);
    zip.readEntry();
  });
}

const ends = new Map();

/** Where the lines of a text end. */
function lineEnds(text) {
  if (!ends.has(text)) {
    ends.set(text, [...text.matchAll(/\n/g)].map((match) => match.index));
  }
  return ends.get(text);
}

/** One file of the archive. */
export class ArchiveFile {
  constructor(entry, bytes) {
    this.name = entry.fileName;
    this.bytes = bytes;
    this.modified = `${entry.lastModFileDate}/${entry.lastModFileTime}`;
    this.mode = (entry.externalFileAttributes >>> 16) & 0o7777;
    this.kind = this.name.includes('.') ? this.name.split('.').pop().toLowerCase() : '';
  }

  get isText() {
    return TEXT_KINDS.has(this.kind);
  }

  get text() {
    this.decoded ??= this.bytes.toString('utf8');
    return this.decoded;
  }

  /** The line (from 1) of a place in the text. */
  lineAt(offset) {
    const places = lineEnds(this.text);
    let [low, high] = [0, places.length];

    while (low < high) {
      const middle = (low + high) >> 1;

      [low, high] = places[middle] < offset ? [middle + 1, high] : [low, middle];
    }
    return low + 1;
  }
}

function parsedOrNothing(file) {
  try {
    return JSON.parse(file.text);
  } catch {
    return undefined;
  }
}

/** The whole archive. */
export class Archive {
  constructor(path, files, options) {
    this.path = path;
    this.files = files;
    this.byName = new Map(files.map((file) => [file.name, file]));
    this.options = options;
    this.parsed = new Map();
  }

  static async read(path, bytes, options) {
    const zip = await openBuffer(bytes, { lazyEntries: true, autoClose: false });
    const files = [];

    for (const entry of await entriesOf(zip)) {
      const isFolder = entry.fileName.endsWith('/');

      files.push(new ArchiveFile(entry, isFolder ? Buffer.alloc(0) : await contentOf(zip, entry)));
    }
    return new Archive(path, files, options);
  }

  get(name) {
    return this.byName.get(name);
  }

  ofKind(kind) {
    return this.files.filter((file) => file.kind === kind);
  }

  /** The parsed JSON of a file; undefined where there is none or it is not JSON (rule M1 says so). */
  json(name) {
    if (!this.parsed.has(name)) {
      this.parsed.set(name, parsedOrNothing(this.get(name)));
    }
    return this.parsed.get(name);
  }

  get manifest() {
    return this.json('manifest.json') ?? {};
  }

  /** Locale to its texts, for each file in i18n/. */
  get locales() {
    const names = this.files.map((file) => /^i18n\/([a-z]{2})\.json$/.exec(file.name)?.[1]).filter(Boolean);

    return new Map(names.map((locale) => [locale, this.json(`i18n/${locale}.json`) ?? {}]));
  }
}

/** All leaves of a tree of texts: [dotted path, value]. */
export function leavesOf(tree, path = '') {
  if (tree === null || typeof tree !== 'object') {
    return [[path, tree]];
  }
  return Object.entries(tree).flatMap(([key, value]) => leavesOf(value, path ? `${path}.${key}` : key));
}

/** What stands at a dotted path. */
export function at(tree, path) {
  return path.split('.').reduce((node, key) => {
    return node !== null && typeof node === 'object' ? node[key] : undefined;
  }, tree);
}

/** The line of a text file on which a JSON value or key stands; 1 where it cannot be told. */
export function lineOf(file, needle) {
  const offset = file ? file.text.indexOf(needle) : -1;

  return offset < 0 ? 1 : file.lineAt(offset);
}
