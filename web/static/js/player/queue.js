// What is played, in which order. It survives a reload; the order and the place are one person's on one device.

import { QueueMemory } from "./memory.js";

export const MOST = 5000;
const KEPT = ["id", "title", "album", "disc", "track", "artist", "artists", "cover", "duration_ms", "container", "codec", "rate_hz", "bit_depth", "bitrate_bps", "lossless"];

/** Entries {key, place, track}: a track may stand in it twice. Tells every change by the event "change". */
export class Queue extends EventTarget {
  constructor(storage, name, random = Math.random) {
    super();
    this.memory = new QueueMemory(storage, name);
    this.random = random;
    this.entries = [];
    this.at = -1;
    this.repeat = "off";
    this.isShuffled = false;
    this.positionS = 0;
    this.nextKey = 1;
    this.batch = null; // the list that is still being loaded into it
    this.#restore();
  }

  get current() {
    return this.entries[this.at] ?? null;
  }

  /** The first that can be played; null where none can. */
  get first() {
    return this.entries.find((entry) => !entry.failed) ?? null;
  }

  /** What stands right before and after an entry, or null. */
  around(entry) {
    const at = this.entries.indexOf(entry);
    return [this.entries[at - 1] ?? null, (at >= 0 && this.entries[at + 1]) || null];
  }

  get upcoming() {
    return this.entries.slice(this.at + 1);
  }

  /**
   * Replaces everything; `at` is the track to begin with. Shuffled, that one comes first and the others after it.
   * Answers what `extend()` asks for.
   */
  replace(tracks, at = 0, { shuffle = this.isShuffled } = {}) {
    this.entries = this.#made(tracks.slice(0, MOST));
    this.at = this.entries.length ? Math.min(at, this.entries.length - 1) : -1;
    this.isShuffled = shuffle;
    if (shuffle && this.entries.length) {
      const [first] = this.entries.splice(this.at, 1);
      this.entries = [first, ...this.#mixed(this.entries)];
      this.at = 0;
    }
    this.batch = {};
    this.#changed();
    return this.batch;
  }

  /** At the end. */
  add(tracks) {
    this.entries.push(...this.#made(tracks.slice(0, Math.max(0, MOST - this.entries.length))));
    this.#changed();
  }

  /**
   * More of the list that `replace()` began: at the end, or mixed among what is to come where the queue is shuffled.
   * False where the queue is another one by now.
   */
  extend(batch, tracks) {
    if (batch !== this.batch) return false;
    const more = this.#made(tracks.slice(0, Math.max(0, MOST - this.entries.length)));
    if (this.isShuffled) this.entries = [...this.entries.slice(0, this.at + 2), ...this.#mixed([...this.entries.slice(this.at + 2), ...more])];
    else this.entries.push(...more);
    this.#changed();
    return true;
  }

  /** Right after the current one. */
  addNext(tracks) {
    this.entries.splice(this.at + 1, 0, ...this.#made(tracks.slice(0, Math.max(0, MOST - this.entries.length))));
    this.#changed();
  }

  /** Answers whether it was the current one; then the next one is current. */
  remove(entry) {
    const at = this.entries.indexOf(entry);
    if (at < 0) return false;
    const wasCurrent = at === this.at;
    this.entries.splice(at, 1);
    if (at < this.at) this.at -= 1;
    this.at = Math.min(this.at, this.entries.length - 1);
    this.#changed();
    return wasCurrent;
  }

  /** Moves an entry to the place `to` of the list. */
  move(entry, to) {
    const from = this.entries.indexOf(entry);
    if (from < 0) return;
    const { current } = this;
    this.entries.splice(from, 1);
    this.entries.splice(Math.min(Math.max(0, to), this.entries.length), 0, entry);
    this.at = this.entries.indexOf(current);
    this.#changed();
  }

  clearUpcoming() {
    this.entries.splice(this.at + 1);
    this.batch = null;
    this.#changed();
  }

  clear() {
    this.entries = [];
    this.at = -1;
    this.batch = null;
    this.#changed();
  }

  enter(entry) {
    const at = this.entries.indexOf(entry);
    if (at < 0 || at === this.at) return;
    this.at = at;
    this.positionS = 0;
    this.memory.keepPlace(this);
    this.#tell();
  }

  /** What is played after `entry` by itself; null at the end. What cannot be played is passed over. */
  follow(entry) {
    const at = this.entries.indexOf(entry);
    if (this.repeat === "one" && at >= 0 && !entry.failed) return entry;
    return this.#from(at < 0 ? this.at + 1 : at + 1, 1);
  }

  /** What the keys "next" and "previous" go to. */
  neighbour(step) {
    return this.#from(this.at + step, step);
  }

  setRepeat(repeat) {
    this.repeat = repeat;
    this.#changed();
  }

  /** Mixes what is to come; back in order, everything stands again where it was put. */
  setShuffled(isShuffled) {
    if (isShuffled === this.isShuffled) return;
    this.isShuffled = isShuffled;
    const { current } = this;
    if (isShuffled) this.entries = [...this.entries.slice(0, this.at + 1), ...this.#mixed(this.upcoming)];
    else this.entries.sort((one, other) => one.place - other.place);
    this.at = this.entries.indexOf(current);
    this.#changed();
  }

  /** How far the current one is, kept so that a reload goes on there. */
  keepPosition(seconds) {
    this.positionS = seconds;
    this.memory.keepPlace(this);
  }

  #from(start, step) {
    const { length } = this.entries;
    for (let taken = 0, at = start; taken < length; taken += 1, at += step) {
      if ((at < 0 || at >= length) && this.repeat !== "all") return null;
      const entry = this.entries[(at + length * 2) % length];
      if (!entry.failed) return entry;
    }
    return null;
  }

  #made(tracks) {
    return tracks.map((track) => {
      const key = this.nextKey++;
      return { key, place: key, track: Object.fromEntries(KEPT.map((name) => [name, track[name] ?? null])) };
    });
  }

  #mixed(entries) {
    const mixed = [...entries];
    for (let at = mixed.length - 1; at > 0; at -= 1) {
      const other = Math.floor(this.random() * (at + 1));
      [mixed[at], mixed[other]] = [mixed[other], mixed[at]];
    }
    return mixed;
  }

  #changed() {
    this.memory.keepOrder(this);
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }

  #restore() {
    const { entries, place, repeat, isShuffled, positionS } = this.memory.restore();
    this.entries = entries.map((entry) => ({ key: this.nextKey++, ...entry }));
    this.nextKey = this.entries.reduce((most, entry) => Math.max(most, entry.place + 1), this.nextKey);
    const at = this.entries.findIndex((entry) => entry.place === place);
    this.at = Math.max(at, this.entries.length ? 0 : -1);
    this.repeat = ["off", "all", "one"].includes(repeat) ? repeat : "off";
    this.isShuffled = isShuffled;
    this.positionS = at < 0 ? 0 : positionS;
  }
}
