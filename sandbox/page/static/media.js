/* A file in a message, as both panes show it: a picture, something to play, or a line with name and size. */

import { h, icon } from './dom.js';

const NAMES = {
  photo: 'Фотография',
  picture: 'Картинка',
  video: 'Видео',
  animation: 'Анимация',
  video_note: 'Видеосообщение',
  voice: 'Голосовое сообщение',
  audio: 'Аудиозапись',
  document: 'Файл',
  file: 'Файл',
  sticker: 'Стикер',
};

/** «340 КБ», «25 МБ». */
export function bytes(count) {
  if (!count) return '';
  if (count < 1024) return `${count} Б`;
  if (count < 1024 * 1024) return `${Math.round(count / 1024)} КБ`;
  return `${Math.round(count / 1024 / 1024)} МБ`;
}

/** The element for a file; `label` names it for those who do not see it. */
export function media(file) {
  const label = file.name || NAMES[file.kind] || 'Файл';
  const shared = { 'data-testid': 'media', 'data-kind': file.kind, 'data-name': file.name || null };
  if (file.url && file.show === 'image')
    return h(
      'a',
      { ...shared, class: `media media-${file.kind}`, href: file.url, target: '_blank', rel: 'noopener' },
      h('img', { src: file.url, alt: label, loading: 'lazy' }),
    );
  if (file.url && file.show === 'video')
    return h('video', {
      ...shared,
      class: `media media-${file.kind}`,
      src: file.url,
      'aria-label': label,
      controls: true,
      preload: 'metadata',
      muted: true,
    });
  if (file.url && file.show === 'audio')
    return h(
      'div',
      { ...shared, class: 'media media-sound' },
      h('span', { class: 'media-name' }, NAMES[file.kind] || label, file.name ? ` · ${file.name}` : ''),
      h('audio', { src: file.url, controls: true, preload: 'metadata', 'aria-label': label }),
    );
  const content = [
    h('span', { class: 'media-sign' }, file.emoji || icon('note')),
    h(
      'span',
      { class: 'media-facts' },
      h('span', { class: 'media-name' }, label),
      h('span', { class: 'muted' }, bytes(file.size) || NAMES[file.kind] || ''),
    ),
  ];
  return file.url
    ? h('a', { ...shared, class: 'media media-file', href: file.url, download: file.name || true }, content)
    : h('div', { ...shared, class: 'media media-file' }, content);
}
