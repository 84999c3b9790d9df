// How loud each track is played in this browser: a person's choice, and the gain that follows from it while tracks change.

import { Gain } from "./gain.js";
import { gainOf, LEVELLINGS, MOST_PREAMP_DB, wayOf } from "./levelling.js";

const REST_AFTER_MS = 3000;

/** `ahead()` are the tracks on the timeline from the present one on: {entry, source, startS}. Tells changes by "change". */
export class Leveller extends EventTarget {
  constructor(audio, { storage, queue, ahead }) {
    super();
    Object.assign(this, { audio, storage, queue, ahead });
    this.gain = null; // made when it is first needed: without it nothing stands between the element and the loudspeaker
    this.isAble = Gain.isAble;
    const levelling = storage?.getItem("levelling");
    this.levelling = this.isAble && LEVELLINGS.some((one) => one.name === levelling) ? levelling : "off";
    this.preampDb = preamp(Number(storage?.getItem("preamp")));
    this.held = null; // {entry, way}: a track that is heard is not levelled in another way because the queue changes
    this.heard = null; // {db, way, isKnown} of the present track
    let timer = 0;
    for (const event of ["timeupdate", "playing", "loadeddata", "seeked"]) audio.addEventListener(event, () => this.refresh());
    for (const event of ["seeking", "waiting", "pause", "emptied"]) audio.addEventListener(event, () => this.gain?.lose());
    audio.addEventListener("pause", () => {
      clearTimeout(timer);
      timer = setTimeout(() => audio.paused && this.gain?.rest(), REST_AFTER_MS);
    });
    audio.addEventListener("play", () => this.gain?.resume());
  }

  /** Somebody has just asked for sound. */
  wake() {
    if (this.gain === null && this.levelling !== "off") this.#build();
    this.gain?.resume();
  }

  setLevelling(name) {
    this.levelling = name;
    this.#store("levelling", name);
    this.#changed();
  }

  setPreamp(db) {
    this.preampDb = preamp(db);
    this.#store("preamp", String(this.preampDb));
    this.#changed();
  }

  /** The present gain, and the next track's where that is there already. */
  refresh() {
    const [now, next] = this.ahead();
    if (!now) return;
    if (this.held?.entry !== now.entry) this.held = { entry: now.entry, way: this.#wayOf(now.entry) };
    const heard = gainOf(now.source.levels, this.held.way, this.preampDb);
    const isNews = ["db", "way", "isKnown"].some((name) => heard[name] !== this.heard?.[name]);
    this.heard = heard;
    this.gain?.keep(heard.db, next ? { startS: next.startS, db: gainOf(next.source.levels, this.#wayOf(next.entry), this.preampDb).db } : null);
    if (isNews) this.dispatchEvent(new Event("change"));
  }

  #wayOf(entry) {
    return wayOf(this.levelling, entry, ...this.queue.around(entry));
  }

  #changed() {
    this.held = null;
    if (!this.audio.paused) this.wake();
    this.refresh();
    this.dispatchEvent(new Event("change"));
  }

  #build() {
    try {
      this.gain = new Gain(this.audio);
    } catch {
      this.isAble = false; // the browser has no more contexts to give: it plays as it is
      this.levelling = "off";
    }
  }

  #store(name, value) {
    try {
      this.storage?.setItem(name, value);
    } catch {
      // Only the memory of a choice is lost.
    }
  }
}

function preamp(db) {
  return Math.min(MOST_PREAMP_DB, Math.max(-MOST_PREAMP_DB, Math.round(db) || 0));
}
