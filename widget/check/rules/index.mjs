/** Every rule that a script can test, by its id, with one line on what it is about. */
import * as conduct from './conduct.mjs';
import * as files from './files.mjs';
import * as images from './images.mjs';
import * as manifest from './manifest.mjs';
import * as scripts from './scripts.mjs';
import * as styles from './styles.mjs';
import * as templates from './templates.mjs';
import * as texts from './texts.mjs';

export const RULES = [
  ['A1', 'widget.zip with its files at the root', files.a1],
  ['A2', 'all required files', files.a2],
  ['A3', 'sizes of pictures', images.a3],
  ['A4', 'weight and kind of pictures, none animated', images.a4],
  ['A5', 'no file that nothing leads to, no lead into nothing', files.a5],
  ['A6', 'texts in UTF-8 without BOM, Unix line ends', files.a6],
  ['A7', 'readable code', files.a7],
  ['A8', 'reproducible archive, greater version', files.a8],
  ['M1', 'strict JSON', manifest.m1],
  ['M2', 'required fields of the manifest', manifest.m2],
  ['M3', 'no secrets', manifest.m3],
  ['M4', 'only locations that are used', manifest.m4],
  ['M5', 'titles are texts of every locale, known kinds of fields', manifest.m5],
  ['M6', 'locales of manifest and files agree', manifest.m6],
  ['I1', 'equal trees of texts, none missing, none unused', texts.i1],
  ['I2', 'each language for itself', texts.i2],
  ['I3', 'no amoCRM in names, its right spelling elsewhere', texts.i3],
  ['I4', 'links and markup of texts', texts.i4],
  ['I5', 'what a description has to say', texts.i5],
  ['I6', 'wording of trial and payment', texts.i6],
  ['I7', 'the page’s title is none of amoCRM’s', texts.i7],
  ['J1', 'no code out of texts', scripts.j1],
  ['J2', 'no alert, confirm, prompt', scripts.j2],
  ['J3', 'console only as allowed', scripts.j3],
  ['J4', 'dependencies only through define, from the archive', scripts.j4],
  ['J5', 'no synchronous request, none in a loop', scripts.j5],
  ['J6', 'everything declared', scripts.j6],
  ['J7', 'comments explain, no traces of development', conduct.j7],
  ['J8', 'APP is read, as documented', conduct.j8],
  ['J9', 'no pressing of amoCRM’s buttons', conduct.j9],
  ['J10', 'amoCRM’s own blocks are left alone', conduct.j10],
  ['J11', 'callbacks return true, handlers can be taken off', conduct.j11],
  ['C1', 'selectors begin with our class', styles.c1],
  ['C2', 'nothing global in styles', styles.c2],
  ['C3', 'the stylesheet is loaded as documented', styles.c3],
  ['C4', 'nothing covers amoCRM', styles.c4],
  ['T1', 'templates escape everything', templates.t1],
  ['T2', 'elseif has a condition that is true or false', templates.t2],
  ['S2', 'nothing is kept in the browser', conduct.s2]
].map(([id, title, check]) => ({ id, title, check }));

/** What no reading of the archive shows, by who sees it. */
export const ELSEWHERE = {
  browser: [
    ['J9', '«Сохранить» stays at the bottom of the settings window'],
    ['J10', 'the page outside our root is the same before and after'],
    ['J11', 'DOM and listeners are back at their start after destroy'],
    ['C3', 'one stylesheet link in head, loaded without error'],
    ['C4', 'nothing of ours over the top bar, menus or notifications'],
    ['S1', 'the consent is shown and required before saving']
  ],
  person: [
    ['A1', 'the archive is not the same as a published one'],
    ['A3', 'tour pictures show the product in the locale’s language'],
    ['M6', 'locales equal the languages filled in on the integration’s card'],
    ['I2', 'links lead to sites in the locale’s language; the support number fits it'],
    ['I3', 'the logo and the company’s name have nothing of amoCRM’s'],
    ['I5', 'price and tariffs stand on the card before installation too'],
    ['I6', 'the integration is marked «Внешняя оплата»'],
    ['J12', 'no other integration is installed or advertised'],
    ['S2', 'nothing is collected that is not needed; the bot’s token is sent once']
  ]
};
