// One MediaSource: opens track after track on its timeline, appends their segments without a gap, and makes room.

import { Buffer } from "./buffer.js";
import { chosen } from "./choosing.js";
import { Playhead } from "./playhead.js";
import { mimeOf } from "./quality.js";
import { Segments, TOO_SLOW } from "./segments.js";
import { Place, Slot } from "./slots.js";
import { Timeline } from "./timeline.js";

export const MediaSourceKind = window.MediaSource ?? window.ManagedMediaSource ?? null;

const TARGET_S = 60;
const KEEP_BEHIND_S = 30;
const SWITCH_AFTER_S = 2;
const PREFETCH_FROM_S = 8;
const BEFORE_END_S = 0.05;

/**
 * Plays from `entry` on until it is closed. `owner` is told and asked: quality, estimator, isWanted,
 * sourceOf(entry), follow(entry), onEntry(entry), onFailure(entry, error, isWhole), onFinished(), onChange(), onBroken(entry, seconds).
 * All work on the SourceBuffer is done by one loop; commands from outside wait in a list until it comes round. A command
 * breaks off what is being fetched.
 */
export class Appender {
  constructor(audio, owner, entry, atS) {
    this.audio = audio;
    this.owner = owner;
    this.first = { entry, atS };
    this.timeline = new Timeline();
    this.configured = null; // {slot, family} at which the SourceBuffer points
    this.commands = [];
    this.targetS = TARGET_S;
    this.isClosed = false;
    this.isBarred = false; // the server gives nothing more to this session: what is there is played to its end
    this.stopping = new AbortController();
    this.fetching = null;
    this.wake = null;
    this.isPoked = false;
    this.source = new MediaSourceKind();
    if (!window.MediaSource) {
      audio.disableRemotePlayback = true; // a ManagedMediaSource does not open otherwise
      for (const event of ["startstreaming", "endstreaming"]) this.source.addEventListener(event, () => this.#poke());
    }
    const { signal } = this.stopping;
    const { timeline } = this;
    this.buffer = new Buffer(this.source, audio);
    const hears = { onEnter: (slot) => owner.onEntry(slot.entry), onMove: () => this.#poke(), onEnd: () => owner.onFinished() };
    this.playhead = new Playhead(audio, { timeline, buffer: this.buffer, owner, hears, signal });
    this.segments = new Segments({ owner, buffer: this.buffer, playhead: this.playhead, aim: (slot) => this.#aim(slot) });
    this.address = URL.createObjectURL(this.source);
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
    const { current } = this.timeline;
    if (!current) return this.first.atS;
    const seconds = this.playhead.nowS - current.startS;
    return this.playhead.pendingS === undefined ? Math.min(Math.max(0, seconds), this.durationS) : seconds;
  }

  get durationS() {
    const { current } = this.timeline;
    return current ? current.endS - current.startS : null;
  }

  /** How much is there to be played at once, from the present position. */
  get bufferedS() {
    return this.playhead.bufferedS;
  }

  /** Until where in the current track everything is there. */
  get loadedS() {
    const { current } = this.timeline;
    return current ? Math.min(this.buffer.endFrom(this.playhead.nowS) - current.startS, this.durationS) : 0;
  }

  /** What is heard and what comes after it on the timeline. */
  get ahead() {
    const { timeline } = this;
    const slot = timeline.at(this.playhead.nowS) ?? timeline.current;
    if (slot?.was && this.playhead.nowS < slot.was.untilS) {
      const { entry, startS, source, was } = slot;
      return [{ entry, source: was.source, startS }, { entry, source, startS: was.untilS }];
    }
    return slot ? [slot, timeline.after(slot)].filter(Boolean) : [];
  }

  /** The rung that is heard now: {rung, bps} or null. */
  get heard() {
    return this.timeline.current?.heardAt(this.playhead.nowS) ?? null;
  }

  seek(seconds) {
    const { current } = this.timeline;
    if (!current) {
      this.first.atS = seconds;
      return;
    }
    const to = current.startS + Math.min(Math.max(0, seconds), Math.max(0, this.durationS - BEFORE_END_S));
    if (this.buffer.has(to)) return this.playhead.goTo(to);
    this.playhead.want(to);
    this.#command(() => this.#restartAt(to));
  }

  /** Goes to a track that is there already; false where it must be opened anew. */
  jump(entry) {
    const slot = this.timeline.slots.find((one) => one.entry === entry && one !== this.timeline.current);
    if (!slot || !this.buffer.has(slot.startS + 0.02)) return false;
    this.playhead.goTo(slot.startS);
    this.playhead.enter(slot);
    this.#poke();
    return true;
  }

  /** The queue has changed: what was appended after the current track may be wrong now. */
  queueChanged() {
    this.#command(async () => {
      const slot = this.timeline.lastRight((entry) => this.owner.follow(entry));
      if (slot) await this.#dropAfter(slot);
    });
  }

  /** Another quality was chosen: within a few seconds it is heard. */
  qualityChanged() {
    this.#command(() => this.#changeQuality());
  }

  /** Something else is to be baked into the sound: within a few seconds it is heard. */
  soundChanged() {
    const { current } = this.timeline;
    if (current && this.owner.sourceOf(current.entry).asked !== current.source.asked) this.qualityChanged();
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
    const { timeline } = this;
    if (timeline.isEmpty) return this.#open(this.first.entry, new Place());
    const slot = timeline.unfinished;
    const hasRoom = this.bufferedS < this.targetS && this.source.streaming !== false;
    if (!slot.isFull) return hasRoom ? this.#append(slot) : this.#rest();
    const following = this.isBarred ? null : this.owner.follow(slot.entry);
    if (!following) return this.#finish();
    return hasRoom ? this.#open(following, slot.end) : this.#rest();
  }

  /** Puts a track on the timeline; one that cannot be played is told and passed over. */
  async #open(entry, place) {
    const { timeline } = this;
    const source = this.owner.sourceOf(entry);
    try {
      const { family, rungs, rendition } = await chosen(this.owner, source, MediaSourceKind, this.#anewFetching().signal);
      if (this.commands.length && !timeline.isEmpty) return;
      const slot = new Slot(entry, source, family, rungs, rendition, place);
      if (timeline.isEmpty) {
        slot.next = slot.segmentAt(slot.startS + this.first.atS);
        this.playhead.want(slot.startS + Math.min(this.first.atS, Math.max(0, slot.endS - slot.startS - BEFORE_END_S)));
      }
      const before = timeline.last;
      if (before?.family === family && before.rung !== null) slot.rung = Math.min(before.rung, rungs.length - 1);
      timeline.push(slot);
      if (!timeline.current) this.playhead.enter(slot);
    } catch (error) {
      if (error.name === "AbortError" || this.isClosed) throw error;
      this.#refuse(entry, error, timeline.isEmpty);
    }
  }

  #refuse(entry, error, isFirst) {
    if (error.status === 401) this.isBarred = true;
    if (isFirst) this.close(); // the owner opens what follows
    this.owner.onFailure(entry, error, true);
  }

  async #append(slot) {
    const n = slot.next;
    let found;
    try {
      found = await this.segments.next(slot, this.#anewFetching());
    } catch (error) {
      if (error.name === "AbortError" || this.isClosed) throw error;
      if (error.name === "QuotaExceededError") await this.#makeRoom();
      else this.#damaged(slot, n, error);
      return;
    }
    if (found === TOO_SLOW) return;
    const { rung, bytes } = found;
    if (!found.isIn) {
      if (this.commands.length) return; // what was fetched may be of no use any more; the browser keeps it in its cache
      await this.#aim(slot);
      if (!(await this.#put(bytes))) return;
    }
    slot.next = n + 1;
    slot.note(slot.segmentStartS(n), n + 1 < slot.count ? slot.segmentStartS(n + 1) : slot.endS, rung, bytes.byteLength);
    this.playhead.arrive();
    this.#prefetch(slot);
    await this.#evict();
    this.owner.onChange();
  }

  /** A segment that cannot be had: the track ends before it, or is passed over where nothing of it is there. */
  #damaged(slot, n, error) {
    const isOnly = this.timeline.slots.length === 1;
    if (n === 0 || slot.heard.length === 0) {
      this.timeline.remove(slot);
      this.#refuse(slot.entry, error, isOnly);
      return;
    }
    slot.cutAt(n);
    if (error.status === 401) this.isBarred = true;
    this.owner.onFailure(slot.entry, error, false);
  }

  /** The addresses of the next track are asked for as soon as that holds up nothing. */
  #prefetch(slot) {
    if (slot.hasAskedNext || (this.bufferedS < PREFETCH_FROM_S && !slot.isFull)) return;
    slot.hasAskedNext = true;
    const following = this.owner.follow(slot.entry);
    if (following) this.owner.sourceOf(following).prefetch(slot.family);
  }

  /**
   * Asks first and changes afterwards: while it is asked the music goes on, and where to cut is told by where it is then.
   * A command that comes meanwhile goes first.
   */
  async #changeQuality() {
    const slot = this.timeline.current;
    if (!slot) return;
    try {
      const source = this.owner.sourceOf(slot.entry);
      const choice = await chosen(this.owner, source, MediaSourceKind, this.#anewFetching().signal);
      if (this.commands.length || slot !== this.timeline.current) {
        this.commands.push(() => this.#changeQuality());
        return;
      }
      await this.#dropAfter(slot);
      const now = this.playhead.nowS;
      const cutS = slot.changeAt(now + SWITCH_AFTER_S, this.buffer.has(now) ? this.buffer.endFrom(now) : 0);
      if (cutS === null) return; // it is heard from the next track on
      await this.buffer.remove(cutS, Infinity);
      slot.change({ ...choice, source }, cutS);
      this.configured = null;
    } catch (error) {
      if (error.name === "AbortError" && !this.isClosed) this.commands.push(() => this.#changeQuality());
      else throw error;
    }
  }

  /** Points the SourceBuffer at a track; null forgets at which it points. */
  async #aim(slot) {
    const isThere = slot && this.configured?.slot === slot && this.configured.family === slot.family;
    if (isThere) return;
    this.configured = null;
    if (!slot) return;
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
    const behindS = this.playhead.nowS - 2;
    if (behindS > this.buffer.firstS) await this.buffer.remove(0, behindS);
    else this.targetS = Math.max(8, Math.min(this.targetS, bufferedS) * 0.8);
    if (bufferedS > this.targetS) await this.#rest();
  }

  async #evict() {
    const untilS = this.playhead.nowS - KEEP_BEHIND_S;
    if (this.buffer.firstS < untilS - KEEP_BEHIND_S) await this.buffer.remove(0, untilS);
    this.timeline.forgetBefore(untilS);
  }

  async #dropAfter(slot) {
    const dropped = this.timeline.cutAfter(slot);
    if (!dropped.length) return;
    if (dropped.some((one) => one.heard.length)) await this.buffer.remove(dropped[0].startS, Infinity);
    if (dropped.includes(this.configured?.slot)) this.configured = null;
  }

  /** A place of the current track that is not there: everything else goes, and the segment around it comes first. */
  async #restartAt(seconds) {
    const slot = this.timeline.current;
    if (this.playhead.pendingS !== seconds) return; // a later seek or a jump overtook this one
    this.timeline.keepOnly(slot);
    await this.buffer.remove(0, Infinity);
    const to = this.playhead.nowS; // where it was asked to be meanwhile
    slot.restart(to);
    this.configured = null;
    this.playhead.waitAt(to);
  }

  async #finish() {
    if (this.source.readyState === "open" && this.buffer.isOpen) this.source.endOfStream();
    this.playhead.nudge();
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

  #anewFetching() {
    this.fetching = new AbortController();
    return this.fetching;
  }

  #broke(why) {
    if (this.isClosed) return;
    const { entry } = this.timeline.current ?? this.first;
    const { positionS } = this;
    this.close();
    this.owner.onBroken(entry, positionS, why);
  }
}
