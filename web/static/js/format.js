// Numbers and times as people read them.

/** 4:05, or 1:04:05. */
export function clock(seconds) {
  if (!Number.isFinite(seconds) || seconds < 0) return "–:––";
  const whole = Math.floor(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** "42 min", "1 h 5 min". */
export function span(ms) {
  if (ms < 60_000) return `${Math.round(ms / 1000)} s`;
  const minutes = Math.round(ms / 60_000);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** "just now", "5 minutes ago", or a date. */
export function ago(ms) {
  const minutes = Math.floor((Date.now() - ms) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${count(minutes, "minute")} ago`;
  if (minutes < 24 * 60) return `${count(Math.floor(minutes / 60), "hour")} ago`;
  return new Date(ms).toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

/** The source of a track in short: "FLAC 24/96", "MP3 320". */
export function source(track) {
  const names = { pcm: "PCM", aac: "AAC", mp3: "MP3", flac: "FLAC", alac: "ALAC", opus: "Opus", vorbis: "Vorbis" };
  const codec = track.codec || track.container || "";
  const name = names[codec.split("_")[0]] ?? codec.toUpperCase();
  if (track.lossless && track.rate_hz) {
    const rate = String(track.rate_hz / 1000);
    return track.bit_depth ? `${name} ${track.bit_depth}/${rate}` : `${name} ${rate} kHz`;
  }
  return track.bitrate_bps ? `${name} ${Math.round(track.bitrate_bps / 1000)}` : name;
}

const STEPS_KBPS = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const STEADY = 0.1;
const NEAR = 0.04;

/** The sources of an album in short, each kind once: "FLAC 24/96", "AAC 128", "MP3 192–320". */
export function sources(tracks) {
  const kinds = new Map();
  for (const track of tracks) {
    const text = source(track);
    const rated = track.lossless ? null : /^(.+) (\d+)$/.exec(text);
    const [name, rate] = rated ? [rated[1], Number(rated[2])] : [text, null];
    kinds.set(name, [...(kinds.get(name) ?? []), rate]);
  }
  return [...kinds].map(([name, rates]) => (rates[0] === null ? name : `${name} ${rateWords(rates)}`));
}

/** An encoder set to 128 makes tracks of 127 and 129: that is one quality, and called as it was set. */
function rateWords(rates) {
  const [least, most] = [Math.min(...rates), Math.max(...rates)];
  if (most - least > most * STEADY) return `${least}–${most}`;
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  return STEPS_KBPS.find((step) => Math.abs(step - mean) <= step * NEAR) ?? Math.round(mean);
}

/** A colour's angle out of a text, always the same for the same text. */
export function hue(text) {
  let sum = 7;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 360_007;
  return sum % 360;
}

/** The first letter or digit of a title, as an image for what has none. */
export function initial(text) {
  return (text.match(/[\p{L}\p{N}]/u)?.[0] ?? "♪").toUpperCase();
}
