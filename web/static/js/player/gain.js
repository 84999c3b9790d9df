// One gain behind the sound element, by Web Audio, which plain http has too. It turns to the sample where the timeline says.

const RAMP_S = 0.008; // no click, and no longer than an ear takes for at once
const GUARD_S = 0.006; // by so much a join may lie beside where it is thought to lie
const AHEAD_S = 6;
const AT_JOIN_S = 0.15;
const READS = 9;

const factor = (db) => 10 ** (db / 20);

/**
 * What the element plays goes through here for as long as the page lives: no browser gives it back. A gain that falls at a
 * join has fallen just before it, one that rises does so just after it: nothing is ever louder than its own gain makes it.
 */
export class Gain {
  /** Not where a page may not even turn its sound down (iOS): there a locked phone stops all Web Audio, and the music. */
  static get isAble() {
    const probe = document.createElement("audio");
    probe.volume = 0.5;
    return Boolean(window.AudioContext) && probe.volume === 0.5;
  }

  /** To be made where a person has just clicked or pressed a key: else it stays silent. */
  constructor(audio) {
    this.audio = audio;
    this.context = new AudioContext();
    this.node = this.context.createGain();
    this.context.createMediaElementSource(audio).connect(this.node).connect(this.context.destination);
    this.ramp = { fromS: 0, toS: 0, from: 1, to: 1 }; // in seconds of the context
    this.joinS = null; // on the timeline: where the ramp belongs that is to come
    this.reads = []; // by how much the context's clock was ahead of the element's
    this.context.addEventListener("statechange", () => this.context.state !== "running" && !audio.paused && this.resume());
  }

  resume() {
    if (this.context.state !== "running") this.context.resume().catch(() => {}); // refused: the element waits, as if paused
  }

  /** The processor of a device that plays nothing may sleep. */
  rest() {
    this.context.suspend().catch(() => {});
  }

  /** The sound will go on elsewhere, or later: the place of a join on the context's clock is not known any more. */
  lose() {
    this.reads = [];
    if (this.joinS === null) return;
    this.joinS = null;
    this.#rampAt(this.context.currentTime, this.#valueAt(this.context.currentTime), 0);
  }

  /** `db` now, and from `next` {startS, db} on the timeline that; null where nothing is known of what follows. */
  keep(db, next) {
    const { audio, context } = this;
    const nowS = audio.currentTime;
    if (this.joinS !== null && Math.abs(this.joinS - nowS) < AT_JOIN_S) return; // it is turning
    const to = factor(db);
    const isJoinToCome = this.joinS !== null && this.joinS > nowS;
    const present = isJoinToCome ? this.ramp.from : this.ramp.to;
    if (!isJoinToCome) this.joinS = null;
    if (to !== present && !(to > present && audio.seeking)) {
      this.joinS = null;
      this.#rampAt(context.currentTime, to, RAMP_S);
    }
    if (audio.paused || audio.seeking || audio.readyState < 3 || context.state !== "running") return;
    this.reads = [...this.reads, context.currentTime - nowS].slice(-READS);
    if (next && next.startS > nowS && next.startS - nowS < AHEAD_S && context.currentTime > this.#settledS) this.#plan(to, next);
    else if (this.joinS !== null) this.lose();
  }

  get #settledS() {
    return this.joinS === null ? this.ramp.toS : 0;
  }

  #plan(now, next) {
    const to = factor(next.db);
    // The lower quartile: Chromium's clock is exact in the middle, that of others stands still for a while and is late then.
    const aheadS = [...this.reads].sort((one, other) => one - other)[Math.floor(this.reads.length / 4)];
    const atS = next.startS + aheadS;
    const startS = to < now ? atS - GUARD_S - RAMP_S : atS + GUARD_S;
    if (to === now) {
      if (this.joinS !== null) this.lose();
      return;
    }
    this.#set(now, startS, to, RAMP_S);
    this.joinS = next.startS;
  }

  #rampAt(startS, to, lengthS) {
    this.#set(this.#valueAt(startS), startS, to, lengthS);
  }

  #set(from, startS, to, lengthS) {
    const { gain } = this.node;
    const beginS = Math.max(startS, this.context.currentTime);
    gain.cancelScheduledValues(0);
    gain.setValueAtTime(from, this.context.currentTime);
    gain.setValueAtTime(from, beginS);
    if (lengthS > 0) gain.linearRampToValueAtTime(to, beginS + lengthS);
    else gain.setValueAtTime(to, beginS);
    this.ramp = { fromS: beginS, toS: beginS + lengthS, from, to };
  }

  #valueAt(seconds) {
    const { fromS, toS, from, to } = this.ramp;
    if (seconds >= toS) return to;
    return seconds <= fromS ? from : from + ((to - from) * (seconds - fromS)) / (toS - fromS);
  }
}
