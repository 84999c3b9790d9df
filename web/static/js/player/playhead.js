// Where the sound is, where it was asked to be, and over which edges it is helped.

const LONGEST_NUDGE_S = 0.6;
const LEAP_S = 0.5;

export class Playhead {
  /** `hears` is told: onEnter(slot), onMove(), onEnd(). `signal` ends it. */
  constructor(audio, { timeline, buffer, owner, hears, signal }) {
    Object.assign(this, { audio, timeline, buffer, owner, hears });
    this.pendingS = undefined; // a place that was asked for and is not there yet
    this.isAtPending = false; // the sound goes on from there by itself
    this.seen = { atS: 0, sinceMs: 0 }; // where the sound was last seen
    audio.addEventListener("timeupdate", () => this.#moved(), { signal });
    audio.addEventListener("seeked", () => this.#moved(), { signal });
    audio.addEventListener("waiting", () => hears.onMove(), { signal });
    audio.addEventListener("ended", () => this.pendingS === undefined && audio.ended && hears.onEnd(), { signal });
  }

  /** Seconds on the timeline; where it was asked to be while nothing is there yet. */
  get nowS() {
    return this.pendingS ?? this.audio.currentTime;
  }

  /** How much is there to be played at once. */
  get bufferedS() {
    return this.buffer.endFrom(this.nowS) - this.nowS;
  }

  /** To a place that is there. What was asked for before and is not there yet is of no interest any more. */
  goTo(seconds) {
    this.pendingS = undefined;
    this.#leap(seconds);
  }

  /** A place that is wanted and not there: `arrive()` goes to it. */
  want(seconds) {
    this.pendingS = seconds;
    this.isAtPending = Math.abs(this.audio.currentTime - seconds) < 0.001;
  }

  /** To a place that is not there: `arrive()` goes on from it. */
  waitAt(seconds) {
    if (this.buffer.isOpen) this.#leap(seconds);
    this.want(seconds);
  }

  /** Goes where a seek or an opening wanted to be, once there is something. What plays from there by now plays on. */
  arrive() {
    if (this.pendingS === undefined || !this.buffer.has(this.pendingS)) return;
    const to = this.pendingS;
    this.pendingS = undefined;
    if (!this.isAtPending) this.#leap(to);
  }

  enter(slot) {
    this.timeline.current = slot;
    this.hears.onEnter(slot);
  }

  /** A hole that is too small to be heard must not hold up the music. */
  nudge() {
    if (this.pendingS !== undefined || this.audio.paused || this.audio.readyState > 2) return;
    const now = this.audio.currentTime;
    const { buffered } = this.audio;
    for (let n = 0; n < buffered.length; n += 1) {
      const startS = buffered.start(n);
      if (startS > now && startS - now < LONGEST_NUDGE_S) this.#leap(startS + 0.001);
    }
  }

  #leap(seconds) {
    this.audio.currentTime = seconds;
    this.seen = { atS: seconds, sinceMs: performance.now() };
  }

  #moved() {
    if (this.#overran()) return;
    const now = this.audio.currentTime;
    this.seen = { atS: now, sinceMs: performance.now() };
    const slot = this.timeline.at(now);
    if (slot && slot !== this.timeline.current && this.pendingS === undefined) this.enter(slot);
    this.nudge();
    this.hears.onMove();
  }

  /**
   * Chromium, told of the end shortly before it comes, leaps to the end of whatever was appended since and stops there.
   * Then the music goes on with the track that was passed over.
   */
  #overran() {
    const now = this.audio.currentTime;
    const { atS, sinceMs } = this.seen;
    const passed = this.timeline.after(this.timeline.at(atS));
    const isLeap = now - atS > (performance.now() - sinceMs) / 1000 + LEAP_S;
    if (!passed || !isLeap || now < passed.startS || this.pendingS !== undefined) return false;
    this.#leap(passed.startS);
    this.enter(passed);
    if (this.owner.isWanted) this.audio.play().catch(() => {}); // refused, it stays paused
    return true;
  }
}
