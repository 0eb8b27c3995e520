/** M1–M6: the manifest, and whether it agrees with the script and the texts. */
import { at, lineOf } from '../archive.mjs';
import { walk } from '../script_source.mjs';

const FIELD_KINDS = ['text', 'pass', 'users', 'users_lp', 'custom'];
const USED_LOCATIONS = { settings: 'settings', advanced_settings: 'advancedSettings' };
const KNOWN_CALLBACKS = new Set([
  'render', 'init', 'bind_actions', 'settings', 'onSave', 'onInstall', 'advancedSettings', 'destroy'
]);
const SECRETS = [
  [/\b\d{6,12}:[A-Za-z0-9_-]{30,}\b/, 'a bot’s token'],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}/, 'a token'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
  [/(?:client_secret|secret_key|api_?key|password)['"]?\s*[:=]\s*['"][^'"]{8,}['"]/i, 'a secret']
];

function inManifest(archive, needle) {
  return lineOf(archive.get('manifest.json'), needle);
}

export function m1(archive, report) {
  for (const file of archive.ofKind('json')) {
    try {
      JSON.parse(file.text);
    } catch (error) {
      const place = /line (\d+)/.exec(error.message)?.[1] ?? file.lineAt(Number(/position (\d+)/.exec(error.message)?.[1]));

      report(file.name, Number(place) || 1, `is not strict JSON: ${error.message}`);
    }
  }
}

function required(archive) {
  const { widget = {}, tour = {}, locations, settings } = archive.manifest;

  return [
    ['widget.name', widget.name],
    ['widget.description', widget.description],
    ['widget.short_description', widget.short_description],
    ['widget.locale', widget.locale?.length],
    ['widget.installation', widget.installation === true],
    ['widget.version (three numbers)', /^\d+\.\d+\.\d+$/.test(widget.version ?? '')],
    ['widget.interface_version: 2', widget.interface_version === 2],
    ['widget.init_once: false', widget.init_once === false],
    ['widget.support.link or .email', widget.support?.link || widget.support?.email],
    ['locations', locations?.length],
    ['settings', settings && Object.keys(settings).length],
    ['tour.is_tour: true', tour.is_tour === true],
    ['tour.tour_description', tour.tour_description]
  ];
}

export function m2(archive, report) {
  if (archive.json('manifest.json') === undefined) {
    return;
  }
  for (const [name, isThere] of required(archive)) {
    if (!isThere) {
      report('manifest.json', 0, `${name} is missing or wrong`);
    }
  }
  for (const locale of archive.manifest.widget?.locale ?? []) {
    const images = archive.manifest.tour?.tour_images?.[locale] ?? [];

    if (images.length < 1 || images.length > 5) {
      report('manifest.json', inManifest(archive, 'tour_images'), `tour.tour_images.${locale}: one to five pictures`);
    }
    for (const path of images) {
      if (!archive.get(`${path}`.replace(/^\//, ''))) {
        report('manifest.json', inManifest(archive, path), `${path} is not in the archive`);
      }
    }
  }
}

export function m3(archive, report) {
  for (const key of ['code', 'secret_key']) {
    if (archive.manifest.widget && key in archive.manifest.widget) {
      report('manifest.json', inManifest(archive, `"${key}"`), `widget.${key} belongs to widgets of before 2019; take it out`);
    }
  }
  for (const file of archive.files.filter((one) => one.isText)) {
    for (const [pattern, name] of SECRETS) {
      const match = pattern.exec(file.text);

      if (match) {
        report(file.name, file.lineAt(match.index), `looks like ${name}; nothing secret goes to the browser`);
      }
    }
  }
}

/** Names in the object that script.js assigns to `callbacks`: name → function node or null. */
export function callbacksOf(archive) {
  const found = new Map();
  const script = archive.get('script.js');

  if (script) {
    walk(script, {
      AssignmentExpression(node) {
        if (node.left.type === 'MemberExpression' && node.left.property.name === 'callbacks') {
          for (const property of node.right.properties ?? []) {
            found.set(property.key.name ?? property.key.value, property.value);
          }
        }
      }
    });
  }
  return found;
}

export function m4(archive, report) {
  const locations = archive.manifest.locations ?? [];
  const callbacks = callbacksOf(archive);
  const line = inManifest(archive, '"locations"');

  for (const location of locations) {
    if (!(location in USED_LOCATIONS)) {
      report('manifest.json', line, `location ${location} is not used by this widget; take it out`);
    }
  }
  for (const [location, callback] of Object.entries(USED_LOCATIONS)) {
    if (locations.includes(location) !== callbacks.has(callback)) {
      report('manifest.json', line, `location ${location} and callbacks.${callback} belong together`);
    }
  }
  for (const name of callbacks.keys()) {
    if (!KNOWN_CALLBACKS.has(name)) {
      report('script.js', lineOf(archive.get('script.js'), `${name}:`), `callbacks.${name} has no location here`);
    }
  }
  if (locations.includes('advanced_settings') !== Boolean(archive.manifest.advanced?.title)) {
    report('manifest.json', line, 'advanced.title and the location advanced_settings belong together');
  }
}

/** Manifest values that name texts. */
export function textKeysOf(manifest) {
  const { widget = {}, tour = {}, advanced = {}, settings = {} } = manifest;
  const keys = [widget.name, widget.description, widget.short_description, tour.tour_description, advanced.title];

  return [...keys, ...Object.values(settings).map((field) => field.name)].filter((key) => key !== undefined);
}

export function m5(archive, report) {
  const fields = Object.entries(archive.manifest.settings ?? {});

  for (const key of textKeysOf(archive.manifest)) {
    for (const [locale, texts] of archive.locales) {
      if (typeof at(texts, String(key)) !== 'string') {
        report('manifest.json', inManifest(archive, `"${key}"`), `${key} is no text in i18n/${locale}.json`);
      }
    }
  }
  for (const [name, field] of fields) {
    if (!FIELD_KINDS.includes(field.type)) {
      report('manifest.json', inManifest(archive, `"${name}"`), `settings.${name}: type ${field.type} is unknown to amoCRM`);
    }
  }
  if (fields.filter(([, field]) => field.type === 'custom').length > 1) {
    report('manifest.json', inManifest(archive, '"settings"'), 'amoCRM keeps at most one custom field');
  }
}

export function m6(archive, report) {
  const named = archive.manifest.widget?.locale ?? [];
  const present = [...archive.locales.keys()];
  const line = inManifest(archive, '"locale"');

  for (const locale of present.filter((one) => !named.includes(one))) {
    report('manifest.json', line, `widget.locale does not name ${locale}, but i18n/${locale}.json is there`);
  }
  for (const locale of named.filter((one) => !present.includes(one))) {
    report('manifest.json', line, `widget.locale names ${locale}, but i18n/${locale}.json is not there`);
  }
  for (const locale of Object.keys(archive.manifest.tour?.tour_images ?? {})) {
    if (!named.includes(locale)) {
      report('manifest.json', line, `tour pictures for ${locale}, which widget.locale does not name`);
    }
  }
}

/** All keys of texts that the manifest uses, for rule I1. */
export function usedByManifest(archive) {
  return new Set(textKeysOf(archive.manifest).map(String));
}

