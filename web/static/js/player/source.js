// The signed addresses of one track: asked for when needed, renewed when they end.

import { api } from "../api.js";
import { bytesOf, persistently } from "./fetching.js";
import { parseMedia, parseMultivariant, priming, sampleStarts, timescale } from "./playlist.js";

const STAYS = { stays: true }; // signed out, one still hears what is there: the player tells it

export class Source {
  /** `asked` is what is to be baked into the sound: "" or "?…". */
  constructor(trackId, asked = "") {
    this.trackId = trackId;
    this.asked = asked;
    this.kept = new Map();
    this.levels = null; // how loud it is, as soon as its addresses were told
    this.baked = null; // {gain_db, night} of what was asked for, then
  }

  /** {hls: {aac, flac?}, direct, duration_ms}. Throws Refused or ApiError where the track cannot be played. */
  playback(signal) {
    return persistently(() => this.#playback(), this.#again(signal));
  }

  /** The rungs of a codec family, the lowest first. */
  rungs(family, signal) {
    return persistently(() => this.#rungs(family), this.#again(signal));
  }

  /** {init, urls, durationsS, starts, rateHz, priming} of the rung of that rank. */
  rendition(family, rank, signal) {
    return persistently(() => this.#rendition(family, rank), this.#again(signal));
  }

  /** The bytes of segment `n`. */
  segment(family, rank, n, { signal, onProgress }) {
    return persistently(async () => {
      const { urls } = await this.#rendition(family, rank);
      return bytesOf(urls[n], { signal, onProgress });
    }, this.#again(signal));
  }

  /** Ask before it is needed. Never throws: who needs it will hear of the failure. */
  async prefetch(family) {
    try {
      const rungs = await this.#rungs(family);
      await this.#rendition(family, rungs[0].rank);
    } catch {
      this.forget();
    }
  }

  /** The addresses have ended: the next question asks the server anew. */
  forget() {
    this.kept.clear();
  }

  #again(signal) {
    return { signal, renew: () => this.forget() };
  }

  /** One question at a time for each name; a failure is not kept. */
  #once(name, ask) {
    const { kept } = this;
    if (!kept.has(name)) {
      const asked = ask();
      kept.set(name, asked);
      asked.catch(() => kept.get(name) === asked && kept.delete(name));
    }
    return kept.get(name);
  }

  #playback() {
    return this.#once("playback", async () => {
      const told = await api(`tracks/${this.trackId}/playback${this.asked}`, STAYS);
      this.levels = told.levels;
      this.baked = told.baked;
      return told;
    });
  }

  async #rungs(family) {
    return this.#once(`rungs ${family}`, async () => {
      const playback = await this.#playback();
      const url = new URL(playback.hls[family], location.href).href;
      return parseMultivariant(new TextDecoder().decode(await bytesOf(url)), url);
    });
  }

  async #rendition(family, rank) {
    return this.#once(`${family}.${rank}`, async () => {
      const rungs = await this.#rungs(family);
      const rung = rungs.find((one) => one.rank === rank) ?? rungs[0];
      // Both at once: on a slow line every question costs. The init segment lies beside the playlist, as it will say.
      const askInit = () => bytesOf(new URL("init-mse.mp4", rung.url).href);
      const [text, init] = await Promise.all([bytesOf(rung.url), this.#once(`init ${family}`, askInit)]);
      const media = parseMedia(new TextDecoder().decode(text), rung.url);
      const rateHz = timescale(init);
      const early = priming(family);
      const starts = sampleStarts(media.durationsS, rateHz, early);
      return { ...media, init, rateHz, starts, priming: early };
    });
  }
}

/** The sources used last, so that an address is asked for once and not for every look. */
export class Sources {
  constructor(most = 12) {
    this.most = most;
    this.kept = new Map();
  }

  of(trackId, asked = "") {
    const key = `${trackId}${asked}`;
    const source = this.kept.get(key) ?? new Source(trackId, asked);
    this.kept.delete(key);
    this.kept.set(key, source);
    if (this.kept.size > this.most) this.kept.delete(this.kept.keys().next().value);
    return source;
  }
}
