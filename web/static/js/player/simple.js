// Playing without MediaSource: native HLS where the browser has it, else the file itself or
// one stream. Tracks follow with a short gap.

import { persistently, Refused } from "./fetching.js";

const HLS = "application/vnd.apple.mpegurl";

/** The same face as Appender's, so that the player needs not know which one plays. */
export class Simple {
  constructor(audio, owner, entry, atS) {
    this.audio = audio;
    this.owner = owner;
    this.entry = entry;
    this.atS = atS;
    this.stopping = new AbortController();
    this.isClosed = false;
    this.tried = new Set();
    const { signal } = this.stopping;
    audio.addEventListener("ended", () => this.#ended(), { signal });
    audio.addEventListener("error", () => this.#broke(), { signal });
    audio.addEventListener("loadedmetadata", () => this.atS && (audio.currentTime = this.atS), { signal });
    audio.addEventListener("seeked", () => (this.atS = 0), { signal });
    audio.addEventListener("playing", () => this.tried.clear(), { signal }); // what played may be tried again
    audio.addEventListener("progress", () => owner.onChange(), { signal });
    this.source = owner.sourceOf(entry);
    owner.onEntry(entry);
    this.#load();
  }

  close() {
    this.isClosed = true;
    this.stopping.abort();
  }

  get positionS() {
    return this.atS || this.audio.currentTime;
  }

  get durationS() {
    return this.playback ? this.playback.duration_ms / 1000 : null;
  }

  get bufferedS() {
    return Math.max(0, this.loadedS - this.positionS);
  }

  get loadedS() {
    const { buffered, currentTime } = this.audio;
    for (let n = 0; n < buffered.length; n += 1) {
      if (buffered.start(n) <= currentTime + 0.1 && buffered.end(n) > currentTime) return buffered.end(n);
    }
    return currentTime;
  }

  get ahead() {
    return [{ entry: this.entry, source: this.source, startS: 0 }];
  }

  get heard() {
    return this.way ? { rung: { family: this.way, rank: 0 }, bps: null } : null;
  }

  seek(seconds) {
    if (this.audio.readyState > 0) this.audio.currentTime = seconds;
    else this.atS = seconds;
  }

  jump() {
    return false;
  }

  queueChanged() {}

  qualityChanged() {
    this.atS = this.positionS;
    this.tried.clear();
    this.#load();
  }

  soundChanged() {
    if (this.owner.sourceOf(this.entry).asked !== this.source.asked) this.qualityChanged();
  }

  async #load() {
    const { signal } = this.stopping;
    const source = this.owner.sourceOf(this.entry);
    this.source = source;
    try {
      this.playback = await source.playback(signal);
      if (source !== this.source) return; // something else was asked for meanwhile
      const ways = this.#ways().filter(([way]) => !this.tried.has(way));
      if (!ways.length) throw new Refused(415, "this browser cannot play it");
      const wasPlaying = this.owner.isWanted;
      [this.way] = ways[0];
      this.tried.add(this.way);
      [, this.audio.src] = ways[0];
      if (wasPlaying) this.audio.play().catch(() => {});
      const following = this.owner.follow(this.entry);
      if (following) await persistently(() => this.owner.sourceOf(following).playback(signal), { signal, renew() {} }).catch(() => {});
    } catch (error) {
      if (this.isClosed || error.name === "AbortError") return;
      this.close();
      this.owner.onFailure(this.entry, error, true);
    }
  }

  /** [[name, address]], the best first. */
  #ways() {
    const { hls, stream, direct } = this.playback;
    const ways = [];
    if (this.audio.canPlayType(HLS)) {
      if (this.owner.quality === "lossless" && hls.flac) ways.push(["flac", hls.flac]);
      if (hls.aac) ways.push(["aac", hls.aac]);
    }
    if (direct) ways.push(["original", direct]);
    else if (stream.mp3) ways.push(["mp3", stream.mp3]); // a part of a file has no file of its own
    return ways;
  }

  #ended() {
    if (this.isClosed) return;
    const following = this.owner.follow(this.entry);
    if (following) this.owner.onFollow(following);
    else this.owner.onFinished();
  }

  /** The address may have ended, or the browser has not this format: the next way, and a fresh address. */
  #broke() {
    if (this.isClosed) return;
    this.atS = this.positionS;
    this.source.forget();
    this.#load();
  }
}
