// HLS playlists of this server, read as far as the page needs them. Source: RFC 8216.

const PRIMING = { aac: 1024, flac: 0 };

function lines(text) {
  const all = text.split(/\r?\n/).map((line) => line.trim());
  if (all[0] !== "#EXTM3U") throw new Error("not a playlist");
  return all.filter(Boolean);
}

function attributes(text) {
  const found = {};
  for (const [, name, quoted, plain] of text.matchAll(/([A-Z0-9-]+)=(?:"([^"]*)"|([^,]*))/g)) found[name] = quoted ?? plain;
  return found;
}

/** The rungs of a multivariant playlist, the lowest first: {family, rank, bps, url}. */
export function parseMultivariant(text, base) {
  const rungs = [];
  let told = null;
  for (const line of lines(text)) {
    if (line.startsWith("#EXT-X-STREAM-INF:")) told = attributes(line.slice(18));
    else if (told && !line.startsWith("#")) {
      const url = new URL(line, base).href;
      const recipe = /\/([a-z0-9]+)\.(\d\d)\.[a-z0-9-]+\/media\.m3u8$/.exec(new URL(url).pathname);
      if (!recipe) throw new Error("a rendition without a recipe");
      const bps = Number(told["AVERAGE-BANDWIDTH"] ?? told.BANDWIDTH);
      rungs.push({ family: recipe[1], rank: Number(recipe[2]), bps, url });
      told = null;
    }
  }
  if (!rungs.length) throw new Error("a playlist without renditions");
  return rungs.sort((one, other) => one.bps - other.bps);
}

/** A media playlist: {init, urls, durationsS}; `init` is the one made for MediaSource: no edit list, whole durations. */
export function parseMedia(text, base) {
  const [urls, durationsS] = [[], []];
  let init = null;
  let durationS = null;
  for (const line of lines(text)) {
    if (line.startsWith("#EXT-X-MAP:")) {
      init = new URL(attributes(line.slice(11)).URI.replace(/init\.mp4$/, "init-mse.mp4"), base).href;
    } else if (line.startsWith("#EXTINF:")) durationS = parseFloat(line.slice(8));
    else if (!line.startsWith("#") && durationS !== null) {
      urls.push(new URL(line, base).href);
      durationsS.push(durationS);
      durationS = null;
    }
  }
  if (!init || !urls.length) throw new Error("a playlist without segments");
  return { init, urls, durationsS };
}

/** Samples per second of an initialisation segment: mdhd's timescale (ISO/IEC 14496-12, 8.4.2). */
export function timescale(bytes) {
  const view = new DataView(bytes);
  const kind = (at) => String.fromCharCode(...new Uint8Array(bytes, at + 4, 4));
  let [at, end] = [0, view.byteLength];
  while (at + 8 <= end) {
    const size = view.getUint32(at);
    if (size < 8) break;
    if (kind(at) === "mdhd") return view.getUint32(at + (view.getUint8(at + 8) === 1 ? 28 : 20));
    if (["moov", "trak", "mdia"].includes(kind(at))) {
      end = at + size;
      at += 8;
    } else at += size;
  }
  throw new Error("an initialisation segment without a timescale");
}

/**
 * The timeline of a rendition in audible samples: `starts[n]` of each segment and the end as the last one.
 * EXTINF has six places, which name the sample exactly below 500 kHz; that of segment 0 counts the priming too.
 */
export function sampleStarts(durationsS, rateHz, priming) {
  const starts = [0];
  let end = -priming;
  for (const durationS of durationsS) {
    end += Math.round(durationS * rateHz);
    starts.push(end);
  }
  return starts;
}

/** Samples before the first audible one, at the head of segment 0. */
export function priming(family) {
  return PRIMING[family] ?? 0;
}
