// How loud each track is played in this browser: a person's choice, and the gain that follows from it while tracks change.

import { Gain } from "./gain.js";
import { gainOf, LEVELLINGS, MOST_PREAMP_DB, wayOf } from "./levelling.js";

const REST_AFTER_MS = 3000;
const ASK_AFTER_MS = 300; // a slider that moves asks once

/**
 * `ahead()` are the tracks on the timeline from the present one on: {entry, source, startS}. Tells changes by "change", and
 * by `onAsked()` when something else is to be baked into the sound by the server: at night, and where a page can do nothing.
 */
export class Leveller extends EventTarget {
  constructor(audio, { storage, queue, ahead, onAsked }) {
    super();
    Object.assign(this, { audio, storage, queue, ahead, onAsked });
    this.gain = null; // made when it is first needed: without it nothing stands between the element and the loudspeaker
    this.isAble = Gain.isAble;
    const levelling = storage?.getItem("levelling");
    this.levelling = LEVELLINGS.some((one) => one.name === levelling) ? levelling : "off";
    this.preampDb = preamp(Number(storage?.getItem("preamp")));
    this.isNight = storage?.getItem("night") === "on";
    this.held = null; // {entry, way}: a track that is heard is not levelled in another way because the queue changes
    this.heard = null; // {db, way, isKnown, isNight} of the present track
    this.asking = 0;
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
    if (this.gain === null && this.levelling !== "off" && !this.isBaked) this.#build();
    this.gain?.resume();
  }

  setLevelling(name) {
    this.levelling = name;
    this.#store("levelling", name);
    this.#changed();
  }

  setNight(isNight) {
    this.isNight = isNight;
    this.#store("night", isNight ? "on" : "off");
    this.#changed();
  }

  /** Whether the server bakes in what is chosen. */
  get isBaked() {
    return this.isNight || !this.isAble;
  }

  /** What the server is to bake into a track: "" for nothing, else a query. */
  askedOf(entry) {
    if (!this.isBaked) return "";
    const way = this.held?.entry === entry ? this.held.way : this.#wayOf(entry);
    const asked = new URLSearchParams();
    if (way !== null) asked.set("level", way);
    if (way !== null && this.preampDb !== 0) asked.set("preamp_db", String(this.preampDb));
    if (this.isNight) asked.set("night", "true");
    return asked.toString() && `?${asked}`;
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
    const heard = this.#heardOf(now.source, this.held.way);
    const isNews = ["db", "way", "isKnown", "isNight"].some((name) => heard[name] !== this.heard?.[name]);
    this.heard = heard;
    const nextWay = next && (next.entry === now.entry ? this.held.way : this.#wayOf(next.entry));
    this.gain?.keep(this.#ownDb(now.source, this.held.way), next ? { startS: next.startS, db: this.#ownDb(next.source, nextWay) } : null);
    if (isNews) this.dispatchEvent(new Event("change"));
  }

  #heardOf({ asked, baked, levels }, way) {
    const found = gainOf(levels, way, this.preampDb);
    return { ...found, db: asked === "" ? found.db : (baked?.gain_db ?? 0), isNight: baked?.night ?? false };
  }

  /** By how much the page itself turns up or down what comes from a source. */
  #ownDb({ asked, levels }, way) {
    return asked === "" ? gainOf(levels, way, this.preampDb).db : 0;
  }

  #wayOf(entry) {
    return wayOf(this.levelling, entry, ...this.queue.around(entry));
  }

  #changed() {
    this.held = null;
    if (!this.audio.paused) this.wake();
    this.refresh();
    this.dispatchEvent(new Event("change"));
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.onAsked(), ASK_AFTER_MS);
  }

  #build() {
    try {
      this.gain = new Gain(this.audio);
    } catch {
      this.isAble = false; // the browser has no more contexts to give: the server does it
      setTimeout(() => this.onAsked());
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
