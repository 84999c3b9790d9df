// Watches how plays go, without a hand in them: what the player does and what the sound element says make reports.

import { HICCUP, JOIN, Listened, SEEK, STALL, START } from "./listened.js";

const AT_HAND_S = 1;
const NEAR_END_S = 0.35;
const PART_MS = 30 * 60_000; // a book of twelve hours is told bit by bit

/** `add(report)` is given what was heard; `player` is asked: isWanted, heard, positionS, durationS. */
export class Meter {
  constructor(audio, player, add) {
    Object.assign(this, { audio, player, add });
    this.current = null;
    this.expected = null; // the entry that was pressed, or opened: it is entered without following another
    this.lastS = 0;
    audio.addEventListener("playing", () => this.current?.sound(performance.now()));
    audio.addEventListener("waiting", () => this.#waits());
    audio.addEventListener("pause", () => audio.paused && this.current?.rest(performance.now()));
    audio.addEventListener("timeupdate", () => this.#moved());
    for (const event of ["seeking", "seeked"]) audio.addEventListener(event, () => (this.lastS = audio.currentTime));
    audio.addEventListener("seeking", () => this.current?.isHeard && this.current.wait(performance.now(), SEEK));
  }

  /** The player begins with `entry`; `isWanted`: so that it sounds. */
  opened(entry, { isWanted, isFollowed = false, isRepair = false }) {
    this.expected = entry;
    if (isRepair && this.current?.entry === entry) return this.current.wait(performance.now(), STALL);
    this.end();
    if (isWanted) this.#begin(entry, isFollowed).wait(performance.now(), START);
  }

  /** Somebody wants to hear `entry` now, which may be open already. */
  pressed(entry) {
    if (this.current?.entry !== entry) {
      this.expected = entry;
      this.end();
      this.#begin(entry, false);
    }
    if (this.current.firstSoundMs === null) this.current.wait(performance.now(), START);
  }

  sought() {
    this.current?.wait(performance.now(), SEEK);
  }

  /** `entry` is what is heard from now on: the one that was asked for, or the next by itself. */
  entered(entry) {
    const isExpected = this.expected === entry;
    this.expected = null;
    if (isExpected || !this.current) return;
    if (!this.player.isWanted) return this.end(); // it begins once it is pressed
    const { current } = this;
    const now = performance.now();
    const { isHeard, why, sinceMs, gapMs } = current;
    this.end();
    const next = this.#begin(entry, true);
    next.wait(isHeard ? now - gapMs : why === JOIN ? sinceMs : now, START);
    if (isHeard) next.sound(now);
  }

  failed(entry, error, isWhole) {
    const word = wordOf(error);
    if (this.current?.entry === entry) {
      this.current.error = word;
      if (isWhole) this.end();
    } else if (isWhole) {
      const one = new Listened({ entry, startedAtMs: Date.now() });
      one.error = word;
      this.add(one.end(performance.now()));
    }
  }

  /** What was heard so far is told; nothing is heard until the next begins. */
  end() {
    const report = this.current?.end(performance.now());
    this.current = null;
    if (report) this.add(report);
  }

  #begin(entry, isFollowed) {
    this.current = new Listened({ entry, isFollowed, startedAtMs: Date.now() });
    return this.current;
  }

  #waits() {
    const { audio, current, player } = this;
    this.lastS = audio.currentTime;
    if (!current || !player.isWanted || audio.seeking) return;
    const isAtEnd = player.durationS - player.positionS < NEAR_END_S;
    current.wait(performance.now(), isAtEnd ? JOIN : this.#aheadS() < AT_HAND_S ? STALL : HICCUP);
  }

  #moved() {
    const { audio, current, player } = this;
    if (!current || audio.paused || audio.seeking) return;
    const isMoving = audio.currentTime > this.lastS && audio.readyState > 2;
    this.lastS = audio.currentTime;
    if (!isMoving) return;
    current.sound(performance.now()); // a seek to what is there is not told as "playing"
    const { heard } = player;
    if (heard) current.see(heard);
    if (performance.now() - current.sinceMs < PART_MS) return;
    this.expected = null;
    this.entered(current.entry);
  }

  #aheadS() {
    const { buffered, currentTime } = this.audio;
    let aheadS = 0;
    for (let n = 0; n < buffered.length; n += 1) {
      if (buffered.start(n) <= currentTime) aheadS = Math.max(aheadS, buffered.end(n) - currentTime);
    }
    return aheadS;
  }
}

/** A word of the API for why there is no more sound. */
function wordOf(error) {
  const { status } = error;
  if (status === undefined) return "damaged"; // the browser itself gave up
  if (status === 0) return "line";
  if (status === 404 || status === 410) return "gone";
  if (status === 415) return "unsupported";
  return status === 422 ? "damaged" : "refused";
}
