// One play, as it was heard: how long the first sound took, what stopped it, in which quality it came. Pure: times go in.

const LEAST_HICCUP_MS = 300;
const GAVE_UP_MS = 2000;
const MOST_MS = 86_400_000;

/** Why no sound is heard though it is wanted. */
export const START = "start"; // it was pressed, or follows, and nothing came yet
export const STALL = "stall"; // the sound has run out in the middle
export const HICCUP = "hiccup"; // there is sound at hand, and the browser does not play it
export const JOIN = "join"; // the sound has run out where the next track begins
export const SEEK = "seek"; // another place was asked for

export class Listened {
  /** `startedAtMs` is by the clock on the wall, every `nowMs` by one that only goes forward. */
  constructor({ entry, startedAtMs, isFollowed = false }) {
    this.entry = entry;
    this.startedAtMs = startedAtMs;
    this.isFollowed = isFollowed;
    this.firstSoundMs = null;
    this.playedMs = 0;
    this.stalls = 0;
    this.stalledMs = 0;
    this.switches = 0;
    this.gapMs = 0; // of the join at its end
    this.error = "";
    this.why = null;
    this.sinceMs = null; // of `why`, or else of the sound
    this.isHeard = false;
    this.last = null; // {family, rank, lineBps} as last seen
    this.means = { bufferedS: new Mean(), bps: new Mean() };
  }

  /** Sound is wanted and not heard. What is waited for already goes on, but a seek ends a stall. */
  wait(nowMs, why) {
    if (this.why === START || this.why === why) return;
    if (this.why !== null && why !== SEEK) return;
    if (why === SEEK) this.gapMs = 0;
    this.rest(nowMs);
    this.why = why;
    this.sinceMs = nowMs;
  }

  /** Sound is heard from now on. */
  sound(nowMs) {
    if (this.isHeard) return;
    this.#waited(nowMs);
    this.isHeard = true;
    this.sinceMs = nowMs;
  }

  /** No sound is wanted for now. */
  rest(nowMs) {
    if (this.isHeard) this.playedMs += nowMs - this.sinceMs;
    else if (this.why === STALL || this.why === HICCUP) this.#waited(nowMs);
    this.isHeard = false;
    this.why = null;
  }

  /** {family, rank, bps, bufferedS, lineBps} of what is heard. */
  see({ family, rank, bps, bufferedS, lineBps }) {
    if (this.last && (this.last.family !== family || this.last.rank !== rank)) this.switches += 1;
    this.last = { family, rank, lineBps };
    this.means.bufferedS.add(bufferedS);
    if (bps !== null) this.means.bps.add(bps);
  }

  /** The report of it, but for what only its player knows; null where there is nothing to tell. */
  end(nowMs) {
    const waitedMs = this.why === START ? nowMs - this.sinceMs : 0;
    this.rest(nowMs);
    const isSilent = this.playedMs === 0 && this.firstSoundMs === null;
    if (isSilent && !this.error && waitedMs >= GAVE_UP_MS) this.error = "gave-up";
    if (isSilent && !this.error) return null; // passed over
    const { bufferedS, bps } = this.means;
    return {
      track_id: this.entry.track.id,
      started_at_ms: Math.round(this.startedAtMs),
      first_sound_ms: bounded(this.firstSoundMs),
      followed: this.isFollowed,
      played_ms: bounded(this.playedMs),
      stalls: Math.min(this.stalls, 10_000),
      stalled_ms: bounded(this.stalledMs),
      switches: Math.min(this.switches, 10_000),
      buffered_ms: bounded(bufferedS.value === null ? null : bufferedS.value * 1000),
      bitrate_bps: bps.value === null ? null : Math.round(bps.value),
      line_bps: this.last?.lineBps ? Math.round(this.last.lineBps) : null,
      family: this.last?.family ?? "other",
      error: this.error,
    };
  }

  #waited(nowMs) {
    const { why } = this;
    const waitedMs = nowMs - this.sinceMs;
    this.why = null;
    if (why === START) this.firstSoundMs ??= waitedMs;
    if (why === JOIN) this.gapMs = waitedMs;
    if (why !== STALL && !(why === HICCUP && waitedMs >= LEAST_HICCUP_MS)) return;
    this.stalls += 1;
    this.stalledMs += waitedMs;
  }
}

class Mean {
  #sum = 0;
  #number = 0;

  add(value) {
    this.#sum += value;
    this.#number += 1;
  }

  get value() {
    return this.#number ? this.#sum / this.#number : null;
  }
}

function bounded(ms) {
  return ms === null ? null : Math.min(MOST_MS, Math.max(0, Math.round(ms)));
}
