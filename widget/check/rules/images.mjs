/** A3, A4: pictures, from their headers. */

const MOST_BYTES = 300 * 1024;
const TOUR = [1188, 616];
const SIZES = new Map([
  ['images/logo_main.png', [400, 272]],
  ['images/logo_small.png', [108, 108]],
  ['images/logo.png', [130, 100]],
  ['images/logo_medium.png', [240, 84]],
  ['images/logo_min.png', [84, 84]],
  ['images/logo_dp.png', [174, 109]]
]);
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Chunk names up to the picture's data; an animated PNG has acTL among them. */
function pngChunks(bytes) {
  const names = [];
  let place = PNG.length;

  while (place + 8 <= bytes.length && names.at(-1) !== 'IDAT') {
    names.push(bytes.toString('latin1', place + 4, place + 8));
    place += 12 + bytes.readUInt32BE(place);
  }
  return names;
}

function jpegSize(bytes) {
  let place = 2;

  while (place + 9 < bytes.length) {
    const marker = bytes[place + 1];

    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return [bytes.readUInt16BE(place + 7), bytes.readUInt16BE(place + 5)];
    }
    place += 2 + bytes.readUInt16BE(place + 2);
  }
  return null;
}

/** {kind, size, isAnimated}; null for what is no picture that amoCRM takes. */
function pictureOf(bytes) {
  if (bytes.length >= 24 && bytes.subarray(0, 8).equals(PNG)) {
    const chunks = pngChunks(bytes);

    return { kind: 'png', size: [bytes.readUInt32BE(16), bytes.readUInt32BE(20)], isAnimated: chunks.includes('acTL') };
  }
  if (bytes.length > 4 && bytes[0] === 0xff && bytes[1] === 0xd8) {
    return { kind: 'jpg', size: jpegSize(bytes), isAnimated: false };
  }
  if (bytes.length > 10 && /^GIF8[79]a$/.test(bytes.toString('latin1', 0, 6))) {
    const isAnimated = bytes.includes('NETSCAPE2.0') || bytes.toString('latin1').split('\x00\x21\xf9\x04').length > 2;

    return { kind: 'gif', size: [bytes.readUInt16LE(6), bytes.readUInt16LE(8)], isAnimated };
  }
  return null;
}

function pictures(archive) {
  return archive.files.filter((file) => file.name.startsWith('images/') && !file.name.endsWith('/'));
}

function isTour(archive, name) {
  return Object.values(archive.manifest.tour?.tour_images ?? {}).flat().some((path) => `${path}`.endsWith(name));
}

export function a3(archive, report) {
  for (const file of pictures(archive)) {
    const wanted = SIZES.get(file.name) ?? (isTour(archive, file.name) ? TOUR : null);
    const size = pictureOf(file.bytes)?.size;

    if (wanted && size && (size[0] !== wanted[0] || size[1] !== wanted[1])) {
      report(file.name, 0, `is ${size.join('×')} pixels; draw it as ${wanted.join('×')}`);
    }
  }
  if (archive.get('images/logo_dp.png') && !(archive.manifest.locations ?? []).includes('digital_pipeline')) {
    report('images/logo_dp.png', 0, 'belongs to the location digital_pipeline, which is not used');
  }
}

export function a4(archive, report) {
  for (const file of pictures(archive)) {
    const picture = pictureOf(file.bytes);

    if (!picture) {
      report(file.name, 0, 'is no PNG, JPEG or GIF');
    } else if (picture.kind !== file.kind.replace('jpeg', 'jpg')) {
      report(file.name, 0, `is a ${picture.kind} under another ending`);
    } else if (picture.isAnimated) {
      report(file.name, 0, 'is animated; pictures of an integration stand still');
    }
    if (file.bytes.length > MOST_BYTES) {
      report(file.name, 0, `has ${Math.ceil(file.bytes.length / 1024)} KB; amoCRM takes at most 300`);
    }
  }
}
