// One MediaSource: fetches the segments of track after track and appends them without a gap.

import { Buffer } from "./buffer.js";
import { Refused } from "./fetching.js";
import { familyFor, mimeOf, rungFor } from "./quality.js";
import { ceilMicroseconds, Place, Slot } from "./slots.js";
import { Trickle } from "./trickle.js";
import { Watch } from "./watch.js";

export const MediaSourceKind = window.MediaSource ?? window.ManagedMediaSource ?? null;

const TARGET_S = 60;
const KEEP_BEHIND_S = 30;
const SWITCH_AFTER_S = 2;
const URGENT_S = 0.5;
const URGENT_SHARE = 1.5;
const PREFETCH_FROM_S = 8;
const LONGEST_NUDGE_S = 0.6;
const LEAP_S = 0.5;

/**
 * Plays from `entry` on until it is closed. `owner` is told and asked: quality, estimator, sources, follow(entry),
 * onEntry(entry), onFailure(entry, error, isWhole), onFinished(), onChange(), onBroken(entry, seconds).
 * All work on the SourceBuffer is done by one loop; commands from outside wait in a list until it comes round.
 */
export class Appender {
  constructor(audio, owner, entry, atS) {
    this.audio = audio;
    this.owner = owner;
    this.first = { entry, atS };
    this.slots = [];
    this.current = null;
    this.pendingS = undefined; // a place that was asked for and is not there yet
    this.configured = null;
    this.commands = [];
    this.targetS = TARGET_S;
    this.isClosed = false;
    this.stopping = new AbortController();
    this.fetching = null;
    this.wake = null;
    this.isPoked = false;
    this.seen = { atS: 0, sinceMs: 0 }; // where the sound was last seen
    this.source = new MediaSourceKind();
    if (!window.MediaSource) {
      audio.disableRemotePlayback = true; // a ManagedMediaSource does not open otherwise
      for (const event of ["startstreaming", "endstreaming"]) this.source.addEventListener(event, () => this.#poke());
    }
    this.buffer = new Buffer(this.source, audio);
    this.address = URL.createObjectURL(this.source);
    const { signal } = this.stopping;
    audio.addEventListener("timeupdate", () => this.#moved(), { signal });
    audio.addEventListener("seeked", () => this.#moved(), { signal });
    audio.addEventListener("waiting", () => this.#poke(), { signal });
    audio.addEventListener("ended", () => this.#ended(), { signal });
    audio.addEventListener("error", () => this.#broke(audio.error?.message ?? ""), { signal });
    audio.src = this.address;
    this.#run().catch((error) => this.isClosed || this.#broke(String(error)));
  }

  close() {
    this.isClosed = true;
    this.stopping.abort();
    this.fetching?.abort();
    this.wake?.();
    URL.revokeObjectURL(this.address);
  }

  /** Seconds within the current track; what was asked for while nothing is there yet. */
  get positionS() {
    if (!this.current) return this.first.atS;
    if (this.pendingS !== undefined) return this.pendingS - this.current.startS;
    return Math.min(Math.max(0, this.audio.currentTime - this.current.startS), this.durationS);
  }

  get durationS() {
    return this.current ? this.current.endS - this.current.startS : null;
  }

  /** How much is there to be played at once, from the present position. */
  get bufferedS() {
    return this.buffer.endFrom(this.#now()) - this.#now();
  }

  /** Until where in the current track everything is there. */
  get loadedS() {
    return this.current ? Math.min(this.buffer.endFrom(this.#now()) - this.current.startS, this.durationS) : 0;
  }

  /** The rung that is heard now: {rung, bps} or null. */
  get heard() {
    return this.current?.heardAt(this.#now()) ?? null;
  }

  seek(seconds) {
    if (!this.current) {
      this.first.atS = seconds;
      return;
    }
    const to = this.current.startS + Math.min(Math.max(0, seconds), Math.max(0, this.durationS - 0.05));
    if (this.buffer.has(to)) {
      this.#goTo(to);
      return;
    }
    this.pendingS = to;
    this.#command(() => this.#restartAt(to));
  }

  /** Goes to a track that is there already; false where it must be opened anew. */
  jump(entry) {
    const slot = this.slots.find((one) => one.entry === entry && one !== this.current);
    if (!slot || !this.buffer.has(slot.startS + 0.02)) return false;
    this.#goTo(slot.startS);
    this.#enter(slot);
    return true;
  }

  /** The queue has changed: what was appended after the current track may be wrong now. */
  queueChanged() {
    this.#command(async () => {
      let at = this.slots.indexOf(this.current ?? this.slots[0]);
      while (at >= 0 && this.slots[at + 1] && this.owner.follow(this.slots[at].entry) === this.slots[at + 1].entry) at += 1;
      if (at >= 0) await this.#dropAfter(at);
    });
  }

  /** Another quality was chosen: from the next segment but one it is heard. */
  qualityChanged() {
    this.#command(async () => {
      const slot = this.current;
      if (!slot) return;
      await this.#dropAfter(this.slots.indexOf(slot));
      const first = Math.min(slot.segmentAt(this.#now() + SWITCH_AFTER_S) + 1, slot.count);
      const { family } = slot;
      const cutS = first < slot.count ? slot.segmentStartS(first) : slot.endS;
      await this.#chooseFamily(slot);
      if (cutS >= slot.endS) return;
      const isThere = this.buffer.has(cutS - 0.1);
      await this.buffer.remove(cutS, Infinity);
      slot.next = isThere ? slot.segmentAt(cutS) : Math.min(slot.next, slot.segmentAt(cutS));
      slot.from = isThere && slot.family !== family ? ceilMicroseconds(cutS) : null; // one family has one grid
      this.configured = null;
    });
  }

  async #run() {
    if (this.source.readyState !== "open") {
      await new Promise((resolve) => this.source.addEventListener("sourceopen", resolve, { once: true }));
    }
    while (!this.isClosed) {
      try {
        if (this.commands.length) await this.commands.shift()();
        else await this.#step();
      } catch (error) {
        if (this.isClosed) return;
        if (error.name !== "AbortError") throw error;
      }
    }
  }

  async #step() {
    const isStreaming = this.source.streaming !== false;
    if (!this.slots.length) return this.#open(this.first.entry, new Place());
    const slot = this.slots.find((one) => !one.isFull && one.next < one.count && this.#isAhead(one)) ?? this.slots.at(-1);
    const hasRoom = this.bufferedS < this.targetS && isStreaming;
    if (slot.next < slot.count) return hasRoom ? this.#append(slot) : this.#rest();
    const following = this.owner.follow(slot.entry);
    if (!following) return this.#finish();
    return hasRoom ? this.#open(following, slot.end) : this.#rest();
  }

  #isAhead(slot) {
    return this.slots.indexOf(slot) >= this.slots.indexOf(this.current);
  }

  /** Puts a track on the timeline; one that cannot be played is told and passed over. */
  async #open(entry, place) {
    this.fetching = new AbortController();
    const { signal } = this.fetching;
    const source = this.owner.sources.of(entry.track.id);
    try {
      const { family, rungs, rendition } = await this.#family(source, signal);
      if (this.commands.length && this.slots.length) return;
      const slot = new Slot(entry, source, family, rungs, rendition, place);
      if (!this.slots.length) {
        slot.next = slot.segmentAt(slot.startS + this.first.atS);
        this.pendingS = slot.startS + Math.min(this.first.atS, Math.max(0, slot.endS - slot.startS - 0.05));
      }
      const before = this.slots.at(-1);
      if (before?.family === family && before.rung !== null) slot.rung = Math.min(before.rung, rungs.length - 1);
      this.slots.push(slot);
      if (!this.current) this.#enter(slot);
    } catch (error) {
      if (error.name === "AbortError" || this.isClosed) throw error;
      this.#refuse(entry, error, !this.slots.length);
    }
  }

  #refuse(entry, error, isFirst) {
    this.owner.onFailure(entry, error, true);
    if (isFirst) this.close(); // the owner opens what follows
  }

  async #family(source, signal) {
    const playback = await source.playback(signal);
    const isPlayable = (family) => mimeOf(family, MediaSourceKind) !== null;
    const family = familyFor(this.owner.quality, playback, isPlayable);
    if (!family) throw new Refused(422, "this browser has no codec for it");
    const rungs = await source.rungs(family, signal);
    const rung = rungs[this.#rungIndex(rungs, null)];
    return { family, rungs, rendition: await source.rendition(family, rung.rank, signal) };
  }

  async #chooseFamily(slot) {
    const { family, rungs, rendition } = await this.#family(slot.source, this.stopping.signal);
    slot.rungs = rungs;
    slot.rung = family === slot.family ? slot.rung : null;
    slot.family = family;
    slot.rendition = rendition;
    slot.count = rendition.urls.length;
  }

  /** The addresses of the next track are asked for as soon as that holds up nothing. */
  #prefetch(slot) {
    if (slot.hasAskedNext || (this.bufferedS < PREFETCH_FROM_S && !slot.isFull)) return;
    slot.hasAskedNext = true;
    const following = this.owner.follow(slot.entry);
    if (following) this.owner.sources.of(following.track.id).prefetch(slot.family);
  }

  #rungIndex(rungs, current) {
    const bufferedS = this.current ? this.bufferedS : 0;
    return rungFor(this.owner.quality, rungs, current, { bps: this.owner.estimator.bps, bufferedS });
  }

  async #append(slot) {
    const n = slot.next;
    const index = this.#rungIndex(slot.rungs, slot.rung);
    const rung = slot.rungs[index];
    this.fetching = new AbortController();
    const { signal } = this.fetching;
    const watch = new Watch(this, slot, n, index);
    let bytes;
    try {
      const rendition = await slot.source.rendition(slot.family, rung.rank, signal);
      if (!rendition.urls[n]) throw new Refused(404, "the sound has changed");
      if (this.#isUrgent(rung, watch.segmentS)) watch.trickle = await this.#trickle(slot);
      bytes = await slot.source.segment(slot.family, rung.rank, n, { signal, onProgress: (...how) => watch.progress(...how) });
      await watch.trickle?.done();
    } catch (error) {
      if (watch.trickle) {
        await watch.trickle.done().catch(() => {});
        this.configured = null; // half a segment is in: the next one must not be taken for its rest
      }
      if (watch.wasTooSlow) {
        slot.rung = Math.max(0, index - 1);
        return;
      }
      if (error.name === "AbortError" || this.isClosed) throw error;
      if (error.name === "QuotaExceededError") await this.#makeRoom();
      else this.#damaged(slot, n, error);
      return;
    }
    slot.rung = index;
    watch.done(bytes.byteLength);
    if (!watch.trickle) {
      if (this.commands.length) return; // what was fetched may be of no use any more; the browser keeps it in its cache
      await this.#configure(slot);
      if (!(await this.#put(bytes))) return;
    }
    slot.next = n + 1;
    slot.note(slot.segmentStartS(n), n + 1 < slot.count ? slot.segmentStartS(n + 1) : slot.endS, rung, bytes.byteLength);
    this.#arrive();
    this.#prefetch(slot);
    await this.#evict();
    this.owner.onChange();
  }

  /** The music would stop before all of it is there, and the line carries it faster than it is heard. */
  #isUrgent(rung, segmentS) {
    const bps = this.owner.estimator.bps ?? Infinity;
    return rung.bps <= bps && this.bufferedS < Math.max(URGENT_S, (URGENT_SHARE * segmentS * rung.bps) / bps);
  }

  async #trickle(slot) {
    const aim = () => {
      this.configured = null;
      return this.#configure(slot);
    };
    await this.#configure(slot);
    return new Trickle(this.buffer, aim, () => this.#arrive());
  }

  #damaged(slot, n, error) {
    const isWhole = n === 0 || slot.heard.length === 0;
    const isOnly = this.slots.length === 1;
    if (isWhole) this.slots = this.slots.filter((one) => one !== slot);
    else slot.cutAt(n);
    if (isWhole) this.#refuse(slot.entry, error, isOnly);
    else this.owner.onFailure(slot.entry, error, false);
  }

  async #configure(slot) {
    if (this.configured?.slot === slot && this.configured.family === slot.family) return;
    await this.buffer.aim({
      mime: mimeOf(slot.family, MediaSourceKind),
      init: slot.rendition.init,
      startS: slot.from ?? slot.startS,
      endS: slot.endS,
      offsetS: slot.startS - slot.rendition.priming / slot.rendition.rateHz,
    });
    this.configured = { slot, family: slot.family };
  }

  /** False where the browser has no room; then less is kept ahead. */
  async #put(bytes) {
    try {
      await this.buffer.append(bytes);
      return true;
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      await this.#makeRoom();
      return false;
    }
  }

  async #makeRoom() {
    const { bufferedS } = this;
    const behindS = this.#now() - 2;
    if (behindS > this.buffer.firstS) await this.buffer.remove(0, behindS);
    else this.targetS = Math.max(8, Math.min(this.targetS, bufferedS) * 0.8);
    if (bufferedS > this.targetS) await this.#rest();
  }

  async #evict() {
    const untilS = this.#now() - KEEP_BEHIND_S;
    if (this.buffer.firstS < untilS - KEEP_BEHIND_S) await this.buffer.remove(0, untilS);
    while (this.slots.length > 1 && this.slots[0] !== this.current && this.slots[0].endS < untilS) this.slots.shift();
  }

  async #dropAfter(at) {
    const dropped = this.slots.splice(at + 1);
    if (!dropped.length) return;
    if (dropped.some((slot) => slot.heard.length)) await this.buffer.remove(dropped[0].startS, Infinity);
    if (dropped.includes(this.configured?.slot)) this.configured = null;
  }

  /** A place of the current track that is not there: everything else goes, and the segment around it comes first. */
  async #restartAt(seconds) {
    const slot = this.current;
    if (this.pendingS !== seconds) return; // a later seek overtook this one
    await this.#dropAfter(this.slots.indexOf(slot));
    this.slots = [slot];
    await this.buffer.remove(0, Infinity);
    slot.next = slot.segmentAt(seconds);
    slot.from = null;
    slot.heard = [];
    this.configured = null;
    if (this.buffer.isOpen) this.#goTo(seconds);
  }

  /** Goes where a seek or an opening wanted to be, once there is something. */
  #arrive() {
    if (this.pendingS === undefined || !this.buffer.has(this.pendingS)) return;
    const to = this.pendingS;
    this.pendingS = undefined;
    if (Math.abs(this.audio.currentTime - to) > 0.001) this.#goTo(to);
  }

  async #finish() {
    if (this.source.readyState === "open" && this.buffer.isOpen) this.source.endOfStream();
    this.#nudge();
    await this.#rest();
  }

  /** Waits until something happens. */
  async #rest() {
    if (!this.isPoked && !this.commands.length && !this.isClosed) await new Promise((resolve) => (this.wake = resolve));
    this.isPoked = false;
  }

  #poke() {
    this.isPoked = true;
    this.wake?.();
    this.wake = null;
  }

  #command(command) {
    this.commands.push(command);
    this.fetching?.abort();
    this.#poke();
  }

  #moved() {
    if (this.isClosed || this.#overran()) return;
    const now = this.audio.currentTime;
    this.seen = { atS: now, sinceMs: performance.now() };
    const slot = this.#slotAt(now);
    if (slot && slot !== this.current && this.pendingS === undefined) this.#enter(slot);
    this.#nudge();
    this.#poke();
  }

  #slotAt(seconds) {
    return this.slots.findLast((one) => one.startS <= seconds + 0.001);
  }

  #goTo(seconds) {
    this.audio.currentTime = seconds;
    this.seen = { atS: seconds, sinceMs: performance.now() };
  }

  /**
   * Chromium, told of the end shortly before it comes, leaps to the end of whatever was appended since and stops there.
   * Then the music goes on with the track that was passed over.
   */
  #overran() {
    const now = this.audio.currentTime;
    const { atS, sinceMs } = this.seen;
    const passed = this.slots[this.slots.indexOf(this.#slotAt(atS)) + 1];
    const isLeap = now - atS > (performance.now() - sinceMs) / 1000 + LEAP_S;
    if (!passed || !isLeap || now < passed.startS || this.pendingS !== undefined) return false;
    this.#goTo(passed.startS);
    this.#enter(passed);
    if (this.owner.isWanted) this.audio.play().catch(() => {}); // refused, it stays paused
    return true;
  }

  #enter(slot) {
    this.current = slot;
    this.owner.onEntry(slot.entry);
  }

  /** A hole that is too small to be heard must not hold up the music. */
  #nudge() {
    if (this.pendingS !== undefined || this.audio.paused || this.audio.readyState > 2) return;
    const now = this.audio.currentTime;
    const { buffered } = this.audio;
    for (let n = 0; n < buffered.length; n += 1) {
      const startS = buffered.start(n);
      if (startS > now && startS - now < LONGEST_NUDGE_S) this.#goTo(startS + 0.001);
    }
  }

  #ended() {
    if (!this.isClosed && this.pendingS === undefined && this.audio.ended) this.owner.onFinished();
  }

  #broke(why) {
    if (this.isClosed) return;
    const { entry } = this.current ?? this.first;
    const { positionS } = this;
    this.close();
    this.owner.onBroken(entry, positionS, why);
  }

  #now() {
    return this.pendingS ?? this.audio.currentTime;
  }

}
