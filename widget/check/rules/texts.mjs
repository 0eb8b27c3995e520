/** I1–I7: the texts of all locales. */
import { at, leavesOf, lineOf } from '../archive.mjs';
import { literalsOf, methodOf, walk } from '../script_source.mjs';
import { usedByManifest } from './manifest.mjs';

const KEY = /^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$/;
const PLURALS = new Set(['zero', 'one', 'two', 'few', 'many', 'other']);
const TAGS = new Set(['a', 'b', 'p', 'br', 'ul', 'ol', 'li', 'strong', 'em', 'i']);
const FUNCTIONS = new Set([
  'аналитика', 'воронка', 'воронки', 'задачи', 'звонки', 'календарь', 'контакты', 'мессенджеры', 'неразобранное',
  'почта', 'рассылки', 'сделки', 'списки', 'чаты', 'analytics', 'calendar', 'calls', 'chats', 'contacts',
  'digital pipeline', 'leads', 'lists', 'mail', 'salesbot', 'tasks'
]);
const STANDARD_PAGES = new Set([
  'профиль', 'счёт и оплата', 'счет и оплата', 'оплата счета', 'оплата счёта', 'общие настройки', 'пользователи',
  'интеграции', 'коммуникации', 'лицензии', 'безопасность', 'profile', 'billing', 'general settings', 'users',
  'integrations', 'communications', 'my profile', 'account settings'
]);
const DESCRIPTION = {
  ru: [
    [/<a [^>]*>[^<]*политик[^<]* конфиденциальности/i, 'a link to the privacy policy'],
    [/<a [^>]*>[^<]*инструкц/i, 'how to set it up, or a link to the manual'],
    [/стоимость|тариф/i, 'the price'],
    [/согласи[ея][^.]*(данных|данные)/i, 'the consent to the transfer of data'],
    [/пробный период/i, 'the trial period'],
    [/сторонн|разработа/i, 'that a third party makes it']
  ],
  en: [
    [/<a [^>]*>[^<]*privacy policy/i, 'a link to the privacy policy'],
    [/<a [^>]*>[^<]*(manual|instruction|guide)/i, 'how to set it up, or a link to the manual'],
    [/price|plans/i, 'the price'],
    [/consent[^.]*data/i, 'the consent to the transfer of data'],
    [/trial/i, 'the trial period'],
    [/third-party|third party/i, 'that a third party makes it']
  ]
};
const CONTACTS = [
  [/\+\d[\d\s()-]{9,}/, 'the telephone of the support'],
  [/[\w.+-]+@[\w-]+\.[\w.-]+/, 'the e-mail of the support']
];

function* allTexts(archive) {
  for (const [locale, tree] of archive.locales) {
    const name = `i18n/${locale}.json`;

    for (const [path, value] of leavesOf(tree)) {
      yield {
        locale,
        name,
        path,
        text: typeof value === 'string' ? value : '',
        get line() {
          return lineOf(archive.get(name), `"${path.split('.').pop()}": ${JSON.stringify(value)}`);
        }
      };
    }
  }
}

function plain(text) {
  return text.replace(/<[^>]*>/g, ' ').replace(/\{\w+\}/g, ' ').replace(/https?:\/\/\S+/g, ' ');
}

/* --- I1 */

/** What scripts and templates name: exact keys, and calls whose first argument is one. */
function namedKeys(archive) {
  const named = [];

  for (const file of archive.ofKind('js')) {
    literalsOf(file).forEach(({ value, line }) => named.push({ key: value, file: file.name, line, isCall: false }));
    walk(file, {
      CallExpression(node) {
        const [first] = node.arguments;
        const isText = ['t', 'plural', 'i18n'].includes(methodOf(node));

        if (isText && first?.type === 'Literal' && typeof first.value === 'string') {
          named.push({ key: first.value, file: file.name, line: first.loc.start.line, isCall: true });
        }
      }
    });
  }
  for (const file of archive.ofKind('twig')) {
    for (const match of file.text.matchAll(/\b(t|plural)?(\(\s*)?['"]([a-z][a-z0-9_.]*)['"]/g)) {
      const isCall = Boolean(match[1] && match[2]);

      named.push({ key: match[3], file: file.name, line: file.lineAt(match.index), isCall });
    }
  }
  return named;
}

function placeholders(value) {
  return [...new Set(String(value).match(/\{\w+\}/g) ?? [])].sort().join(' ');
}

function isPlural(node) {
  return node !== null && typeof node === 'object' && Object.keys(node).every((key) => PLURALS.has(key));
}

export function i1(archive, report) {
  const trees = [...archive.locales];
  const [[firstLocale, first] = ['', {}], ...others] = trees;
  const named = namedKeys(archive);
  const used = usedByManifest(archive);

  for (const { path, value } of leavesOf(first).map(([key, text]) => ({ path: key, value: text }))) {
    for (const [locale, tree] of others) {
      const other = at(tree, path);

      if (typeof other !== 'string') {
        report(`i18n/${locale}.json`, 0, `has no ${path}, which i18n/${firstLocale}.json has`);
      } else if (placeholders(other) !== placeholders(value)) {
        report(`i18n/${locale}.json`, 0, `${path} has other {placeholders} than i18n/${firstLocale}.json`);
      }
    }
  }
  for (const [locale, tree] of others) {
    for (const [path] of leavesOf(tree)) {
      if (typeof at(first, path) !== 'string') {
        report(`i18n/${firstLocale}.json`, 0, `has no ${path}, which i18n/${locale}.json has`);
      }
    }
  }
  for (const one of allTexts(archive)) {
    const { name, path, text } = one;

    if (!text.trim()) {
      report(name, one.line, `${path} is empty or no text`);
    }
  }
  for (const { key, file, line, isCall } of named) {
    const node = at(first, key);
    const isOurs = KEY.test(key) && key.split('.')[0] in first && !/\.(js|css|json|png|twig)$/.test(key);

    if (node !== undefined && (KEY.test(key) || isCall)) {
      used.add(key);
    } else if (node === undefined && (isCall ? KEY.test(key) : isOurs)) {
      report(file, line, `names the text ${key}, which no locale has`);
    }
    if (isCall && KEY.test(key) && node !== undefined && typeof node !== 'string' && !isPlural(node)) {
      report(file, line, `${key} is a group of texts, not one`);
    }
  }
  for (const [path] of leavesOf(first)) {
    const keys = path.split('.').map((_key, index, all) => all.slice(0, index + 1).join('.'));

    if (!keys.some((key) => used.has(key))) {
      report(`i18n/${firstLocale}.json`, 0, `${path} is used nowhere; take it out of every locale`);
    }
  }
}

/* --- I2, I3 */

export function i2(archive, report) {
  for (const one of allTexts(archive)) {
    const { locale, name, path, text } = one;

    const words = plain(text).match(/[A-Za-z]{2,}/g) ?? [];

    if (locale !== 'ru' && /[а-яё]/i.test(text)) {
      report(name, one.line, `${path} has Cyrillic letters in a text that is not Russian`);
    }
    if (locale !== 'ru' && /\.(ru|рф)\b/i.test(text)) {
      report(name, one.line, `${path} leads to a .ru address; give English texts addresses of their own`);
    }
    if (locale !== 'ru' && /₽|\bRUB\b/.test(text)) {
      report(name, one.line, `${path} has a price in roubles; outside Russia prices are in dollars or euros`);
    }
    if (locale === 'ru' && words.length > 2 && !/[а-яё]/i.test(text)) {
      report(name, one.line, `${path} is not Russian`);
    }
  }
}

export function i3(archive, report) {
  const { widget = {}, advanced = {} } = archive.manifest;

  for (const one of allTexts(archive)) {
    const { name, path, text } = one;

    const isName = path === widget.name || path === advanced.title;

    if (isName && /amo|амо/i.test(text)) {
      report(name, one.line, `${path} has «amo» in it; names are free of amoCRM’s`);
    }
    if (isName && FUNCTIONS.has(text.trim().toLowerCase())) {
      report(name, one.line, `${path} is the name of a part of amoCRM; add what it is for`);
    }
    if (path === widget.name && text.split(/\s+/).some((word) => word.length > 19)) {
      report(name, one.line, `${path} has a word of more than 19 characters`);
    }
    for (const match of text.matchAll(/(?:amo|амо)[\s-]*(?:crm|срм)/gi)) {
      if (match[0] !== 'amoCRM') {
        report(name, one.line, `${path} writes «${match[0]}»; the only spelling is amoCRM`);
      }
    }
  }
}

/* --- I4–I7 */

export function i4(archive, report) {
  for (const one of allTexts(archive)) {
    const { name, path, text } = one;

    const links = text.match(/<a\b[^>]*>/gi) ?? [];

    for (const link of links) {
      const isGood = /\bhref="https:\/\/[^"\s]+"/.test(link) && /\btarget="_blank"/.test(link)
        && /\breferrerpolicy="no-referrer"/.test(link);

      if (!isGood) {
        report(name, one.line, `${path}: a link is <a href="https://…" target="_blank" referrerpolicy="no-referrer">`);
      }
    }
    if (/https?:\/\//.test(text.replace(/<a\b[^>]*>.*?<\/a>/gi, ''))) {
      report(name, one.line, `${path}: an address stands outside a link`);
    }
    for (const tag of text.matchAll(/<\/?([a-z][a-z0-9]*)([^>]*)>/gi)) {
      if (!TAGS.has(tag[1].toLowerCase()) || (tag[1].toLowerCase() !== 'a' && tag[2].trim(' /'))) {
        report(name, one.line, `${path}: ${tag[0]} is heavier markup than a description bears`);
      }
    }
  }
}

export function i5(archive, report) {
  const path = archive.manifest.widget?.description ?? '';

  for (const [locale, tree] of archive.locales) {
    const text = at(tree, path);

    for (const [pattern, name] of [...(DESCRIPTION[locale] ?? []), ...CONTACTS]) {
      if (typeof text !== 'string' || !pattern.test(text)) {
        report(`i18n/${locale}.json`, lineOf(archive.get(`i18n/${locale}.json`), '"description"'), `${path} lacks ${name}`);
      }
    }
  }
}

export function i6(archive, report) {
  for (const one of allTexts(archive)) {
    const { name, path, text } = one;

    for (const sentence of plain(text).split(/[.!?;]\s/)) {
      if (/бесплатн|\bfree\b/i.test(sentence) && /пробн|дн(ей|я|ь)|недел|месяц|trial|\bdays?\b|weeks?|month/i.test(sentence)) {
        report(name, one.line, `${path} calls a trial «бесплатно»; say «пробный период»`);
      }
      if (/партн[её]р|partner/i.test(sentence) && /лицензи|licen[sc]e|оплат|pay/i.test(sentence)) {
        report(name, one.line, `${path} speaks of paying through partners, which is forbidden`);
      }
    }
  }
}

export function i7(archive, report) {
  const path = archive.manifest.advanced?.title ?? '';

  for (const [locale, tree] of archive.locales) {
    const title = at(tree, path);

    if (typeof title === 'string' && STANDARD_PAGES.has(title.trim().toLowerCase())) {
      report(`i18n/${locale}.json`, lineOf(archive.get(`i18n/${locale}.json`), title), `«${title}» is a page of amoCRM’s own`);
    }
  }
}
