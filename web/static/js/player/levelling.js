// By how many decibels a track is turned up or down: the server's rule, with the person's choice and preamp. Pure.

export const LEVELLINGS = [
  { name: "off", label: "Off", hint: "Every recording as it is" },
  { name: "smart", label: "Smart", hint: "By album while one plays in order, else by track" },
  { name: "album", label: "Album", hint: "Soft tracks of an album stay soft" },
  { name: "track", label: "Track", hint: "Every track as loud as the next" },
];
export const MOST_PREAMP_DB = 12;

const CEILING_DBTP = -1; // no true peak lies above it: encoders and converters go a little higher than what they get
const [LEAST_DB, MOST_DB] = [-40, 20];
const STEPS = 10; // in a dB

/** "track" or "album", null where nothing is levelled: for an entry that stands between `before` and `after` (or null). */
export function wayOf(levelling, entry, before, after) {
  if (levelling === "off") return null;
  if (levelling !== "smart") return levelling;
  return isNext(before, entry) || isNext(entry, after) ? "album" : "track";
}

/** Whether one is the track of the album after the other; without numbers, whether they were put into the queue so. */
function isNext(one, other) {
  if (!one || !other || one.track.album === null || one.track.album?.id !== other.track.album?.id) return false;
  const [a, b] = [numbers(one), numbers(other)];
  if (a.track === null || b.track === null) return other.place === one.place + 1;
  if (a.disc === b.disc) return b.track === a.track + 1;
  return b.disc === a.disc + 1 && (b.track === 1 || b.track === a.track + 1);
}

function numbers({ track }) {
  return { disc: track.disc || 1, track: track.track || null }; // none is 0
}

/**
 * {db, way, isKnown} for the `levels` of `playback` and what `wayOf` told. Where of the album nothing is known, the track
 * counts; where of neither, it plays as it is. Nothing is turned up of which no peak is known.
 */
export function gainOf(levels, way, preampDb) {
  if (way === null) return { db: 0, way, isKnown: true };
  const ways = way === "album" ? ["album", "track"] : ["track"];
  const found = ways.find((one) => Number.isFinite(levels?.[one]?.integrated_lufs));
  if (!found) return { db: Math.min(0, preampDb), way, isKnown: false };
  const { integrated_lufs: lufs, true_peak_dbtp: peakDb } = levels[found];
  const wantedDb = Math.min(MOST_DB, Math.max(LEAST_DB, levels.target_lufs + preampDb - lufs));
  const mostDb = Number.isFinite(peakDb) ? CEILING_DBTP - peakDb : 0;
  const db = Math.min(Math.round(wantedDb * STEPS), Math.floor(mostDb * STEPS + 1e-6)) / STEPS;
  return { db, way: found, isKnown: true };
}
