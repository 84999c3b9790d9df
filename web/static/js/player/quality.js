// The qualities that a person may choose, and which rung each one means. Pure.

import { chooseRung } from "./abr.js";

export const QUALITIES = [
  { name: "auto", label: "Automatic", hint: "As good as the line carries, up to High" },
  { name: "low", label: "Low", hint: "About 64 kb/s, for a thin line", rank: 10 },
  { name: "normal", label: "Normal", hint: "About 128 kb/s", rank: 20 },
  { name: "high", label: "High", hint: "About 290 kb/s", rank: 30 },
  { name: "lossless", label: "Lossless", hint: "Every bit, where the source has them", rank: 70 },
];

const MIME = { aac: ["mp4a.40.2"], flac: ["flac", "fLaC"] };

/** The type for `addSourceBuffer`, null where this browser's MediaSource has no such codec. */
export function mimeOf(family, MediaSource) {
  const types = MIME[family].map((codec) => `audio/mp4; codecs="${codec}"`);
  return types.find((type) => MediaSource.isTypeSupported(type)) ?? null;
}

/** The codec family for a track: FLAC by choice and where both sides have it, else AAC. */
export function familyFor(quality, playback, isPlayable) {
  const has = (family) => Boolean(playback.hls[family]) && isPlayable(family);
  if (quality === "lossless" && has("flac")) return "flac";
  return has("aac") ? "aac" : has("flac") ? "flac" : null;
}

/** The index of the rung for the next segment. */
export function rungFor(quality, rungs, current, line) {
  if (quality === "auto") return chooseRung(rungs, current, line);
  const rank = QUALITIES.find((one) => one.name === quality)?.rank ?? 0;
  return Math.max(0, rungs.findLastIndex((rung) => rung.rank <= rank));
}
