// What this device remembers of a person's queue: the order, written when it changes, and apart from it the place.

export const MOST_CHARACTERS = 1_000_000; // of the about five million that an origin may store
const LEAST_CHARACTERS = 20_000;
const BEHIND_SHARE = 0.2; // of the room, for what has been played

/** `storage` may be null, full or forbidden: then the queue is forgotten with the page, and nothing else happens. */
export class QueueMemory {
  constructor(storage, name) {
    this.storage = storage;
    this.name = name;
    this.kept = new Set(); // the places of the entries that are stored
  }

  /** Of a long queue what is around the current entry; where the storage is full, less. */
  keepOrder({ entries, at, repeat, isShuffled, positionS }) {
    const written = entries.map(({ place, track }) => JSON.stringify({ place, track }));
    for (let most = MOST_CHARACTERS; most >= LEAST_CHARACTERS; most /= 4) {
      const [start, end] = around(written, at, most);
      const text = `{"repeat":"${repeat}","isShuffled":${isShuffled},"entries":[${written.slice(start, end).join(",")}]}`;
      if (!this.#write(this.name, text)) continue;
      this.kept = new Set(entries.slice(start, end).map((entry) => entry.place));
      this.#write(`${this.name}.place`, JSON.stringify({ place: entries[at]?.place ?? null, positionS }));
      return;
    }
    this.kept = new Set();
    this.#forget(); // an old queue would come back in place of this one
  }

  keepPlace(queue) {
    const place = queue.entries[queue.at]?.place;
    if (place === undefined) return;
    if (this.kept.has(place)) this.#write(`${this.name}.place`, JSON.stringify({ place, positionS: queue.positionS }));
    else if (this.kept.size) this.keepOrder(queue); // it has left what is stored of it
  }

  /** {entries: [{place, track}], place, repeat, isShuffled, positionS}; empty where nothing is kept or it is damaged. */
  restore() {
    const order = this.#read(this.name);
    const { place, positionS } = this.#read(`${this.name}.place`) ?? {};
    const isEntry = (one) => Number.isSafeInteger(one?.place) && typeof one.track === "object" && one.track !== null;
    const entries = Array.isArray(order?.entries) ? order.entries.filter(isEntry) : [];
    this.kept = new Set(entries.map((entry) => entry.place));
    const { repeat = "off", isShuffled = false } = order ?? {};
    return { entries, place, repeat, isShuffled: Boolean(isShuffled), positionS: Math.max(0, Number(positionS) || 0) };
  }

  #read(name) {
    try {
      return JSON.parse(this.storage?.getItem(name) ?? "null");
    } catch {
      return null;
    }
  }

  #write(name, text) {
    try {
      this.storage?.setItem(name, text);
      return true;
    } catch {
      return false;
    }
  }

  #forget() {
    try {
      this.storage?.removeItem(this.name);
      this.storage?.removeItem(`${this.name}.place`);
    } catch {
      // Forbidden: then nothing is there either.
    }
  }
}

/** The slice of `written` around `at` that has room in `most` characters, a share of it for what lies before. */
function around(written, at, most) {
  let [start, end, taken] = [Math.max(0, at), Math.max(0, at), 0];
  const take = (text, limit) => taken + text.length + 1 <= limit && ((taken += text.length + 1), true);
  while (end < written.length && take(written[end], most * (1 - BEHIND_SHARE))) end += 1;
  while (start > 0 && take(written[start - 1], most)) start -= 1;
  while (end < written.length && take(written[end], most)) end += 1;
  return [start, end];
}
