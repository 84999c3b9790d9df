// What is played, in which order. It survives a reload; the order and the place are one person's on one device.

const MOST = 2000;
const KEPT = ["id", "title", "album", "artist", "artists", "cover", "duration_ms", "container", "codec", "rate_hz", "bit_depth", "bitrate_bps", "lossless"];

/** Entries {key, place, track}: a track may stand in it twice. Tells every change by the event "change". */
export class Queue extends EventTarget {
  constructor(storage, name, random = Math.random) {
    super();
    this.storage = storage;
    this.name = name;
    this.random = random;
    this.entries = [];
    this.at = -1;
    this.repeat = "off";
    this.isShuffled = false;
    this.positionS = 0;
    this.nextKey = 1;
    this.#restore();
  }

  get current() {
    return this.entries[this.at] ?? null;
  }

  /** The first that can be played; null where none can. */
  get first() {
    return this.entries.find((entry) => !entry.failed) ?? null;
  }

  get upcoming() {
    return this.entries.slice(this.at + 1);
  }

  /** Replaces everything; `at` is the track to begin with. Shuffled, that one comes first and the others after it. */
  replace(tracks, at = 0, { shuffle = this.isShuffled } = {}) {
    this.entries = this.#made(tracks.slice(0, MOST));
    this.at = this.entries.length ? Math.min(at, this.entries.length - 1) : -1;
    this.isShuffled = shuffle;
    if (shuffle && this.entries.length) {
      const [first] = this.entries.splice(this.at, 1);
      this.entries = [first, ...this.#mixed(this.entries)];
      this.at = 0;
    }
    this.#changed();
  }

  /** At the end. */
  add(tracks) {
    this.entries.push(...this.#made(tracks.slice(0, Math.max(0, MOST - this.entries.length))));
    this.#changed();
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
    this.#changed();
  }

  clear() {
    this.entries = [];
    this.at = -1;
    this.#changed();
  }

  enter(entry) {
    const at = this.entries.indexOf(entry);
    if (at < 0 || at === this.at) return;
    this.at = at;
    this.positionS = 0;
    this.#changed();
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
    this.#save();
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
    this.#save();
    this.dispatchEvent(new Event("change"));
  }

  #save() {
    const { entries, at, repeat, isShuffled, positionS } = this;
    const kept = { entries: entries.map(({ place, track }) => ({ place, track })), at, repeat, isShuffled, positionS };
    try {
      this.storage?.setItem(this.name, JSON.stringify(kept));
    } catch {
      // A full or forbidden storage costs the memory of the queue, not the music.
    }
  }

  #restore() {
    try {
      const kept = JSON.parse(this.storage?.getItem(this.name) ?? "null");
      if (!kept) return;
      this.entries = kept.entries.map(({ place, track }) => ({ key: this.nextKey++, place, track }));
      this.nextKey = Math.max(this.nextKey, ...this.entries.map((entry) => entry.place + 1));
      this.at = this.entries[kept.at] ? kept.at : this.entries.length ? 0 : -1;
      this.repeat = ["off", "all", "one"].includes(kept.repeat) ? kept.repeat : "off";
      this.isShuffled = Boolean(kept.isShuffled);
      this.positionS = Number(kept.positionS) || 0;
    } catch {
      this.entries = [];
      this.at = -1;
    }
  }
}
