// The player: joins queue, sound and choices. Everything that plays goes through it.

import { Estimator } from "./abr.js";
import { Appender, MediaSourceKind } from "./appender.js";
import { Leveller } from "./leveller.js";
import { Meter } from "./meter.js";
import { mimeOf, QUALITIES } from "./quality.js";
import { Queue } from "./queue.js";
import { Reports } from "./reports.js";
import { Simple } from "./simple.js";
import { Sources } from "./source.js";
import { signInAgain } from "../session.js";
import { notice } from "../ui/notices.js";

const KEEP_EVERY_MS = 5000;
const BACK_TO_START_S = 4;
const MOST_REPAIRS = 3;
const REPAIRS_FORGOTTEN_MS = 30_000;
const TELL_ALL_MS = 1500;

/** Events: "change" (track, state, quality or buffer) and "progress" (time). */
export class Player extends EventTarget {
  constructor(audio, { storage, session, userId }) {
    super();
    this.audio = audio;
    this.storage = storage;
    this.session = session;
    this.queue = new Queue(storage, `queue.${userId}`);
    this.sources = new Sources();
    this.estimator = new Estimator(Number(session?.getItem("line")) || null);
    this.engine = null;
    const onAsked = () => this.engine?.soundChanged();
    this.leveller = new Leveller(audio, { storage, queue: this.queue, ahead: () => this.engine?.ahead ?? [], onAsked });
    this.isWanted = false;
    this.isFinished = false; // the queue was heard to its end
    this.barredAt = null; // the entry at which the server gave no more to this session
    this.toldSignedOut = null;
    this.repairs = [];
    const quality = storage?.getItem("quality");
    this.quality = QUALITIES.some((one) => one.name === quality) ? quality : "auto";
    const volume = Number.parseFloat(storage?.getItem("volume") ?? "1");
    audio.volume = volume >= 0 && volume <= 1 ? volume : 1;
    audio.muted = storage?.getItem("muted") === "yes";
    this.queue.addEventListener("change", () => {
      this.engine?.queueChanged();
      this.#tell();
    });
    for (const event of ["play", "pause", "playing", "waiting", "volumechange", "seeking", "seeked", "ended"]) {
      audio.addEventListener(event, () => this.#tell());
    }
    audio.addEventListener("pause", () => {
      if (!audio.ended && this.engine && audio.readyState > 2) this.isWanted = false;
      this.#keep();
    });
    audio.addEventListener("play", () => (this.isWanted = true));
    audio.addEventListener("timeupdate", () => {
      this.dispatchEvent(new Event("progress"));
      if (performance.now() - (this.keptAtMs ?? 0) > KEEP_EVERY_MS) this.#keep();
    });
    this.reports = new Reports();
    this.meter = new Meter(audio, this, (report) => this.reports.add(report));
    addEventListener("pagehide", () => {
      this.#keep();
      this.meter.end();
      this.reports.send({ isLeaving: true });
    });
  }

  get entry() {
    return this.queue.current;
  }

  get track() {
    return this.entry?.track ?? null;
  }

  get isPlaying() {
    return this.isWanted && this.entry !== null;
  }

  /** Wants to play, but has no sound to play yet. */
  get isWaiting() {
    return this.isPlaying && this.engine !== null && this.audio.readyState < 3;
  }

  get positionS() {
    return this.engine ? this.engine.positionS : this.queue.positionS;
  }

  get durationS() {
    return this.engine?.durationS ?? (this.track ? this.track.duration_ms / 1000 : 0);
  }

  get loadedS() {
    return this.engine?.loadedS ?? 0;
  }

  /** {family, rank, bps, bufferedS, lineBps} of what is heard; null where nothing is. */
  get heard() {
    const heard = this.engine?.heard;
    if (!heard) return null;
    return { ...heard.rung, bps: heard.bps, bufferedS: Math.max(0, this.engine.bufferedS), lineBps: this.estimator.bps };
  }

  /** Whether "Lossless" can be had in this browser at all. */
  get hasLossless() {
    return MediaSourceKind ? mimeOf("flac", MediaSourceKind) !== null : this.audio.canPlayType("audio/flac") !== "";
  }

  /** Plays these tracks from `at` on, instead of what was in the queue. Answers what `queue.extend()` asks for. */
  playAll(tracks, at = 0, { shuffle = false } = {}) {
    if (!tracks.length) return null;
    const start = shuffle ? Math.floor(Math.random() * tracks.length) : at;
    this.#drop();
    const batch = this.queue.replace(tracks, start, { shuffle });
    this.#open(this.entry, 0, { isWanted: true });
    return batch;
  }

  playEntry(entry) {
    delete entry.failed;
    this.#go(entry, { isWanted: true });
  }

  add(tracks) {
    const wasEmpty = this.entry === null;
    this.queue.add(tracks);
    if (wasEmpty) this.#enterFirst();
  }

  addNext(tracks) {
    const wasEmpty = this.entry === null;
    this.queue.addNext(tracks);
    if (wasEmpty) this.#enterFirst();
  }

  remove(entry) {
    const { isPlaying } = this;
    if (!this.queue.remove(entry)) return;
    this.#drop();
    if (this.entry) this.#open(this.entry, 0, { isWanted: isPlaying });
    else this.stop();
  }

  toggle() {
    if (this.isPlaying) this.pause();
    else this.play();
  }

  play() {
    if (!this.entry) return;
    if (this.isFinished) return this.#playOn();
    this.isWanted = true;
    this.leveller.wake();
    if (!this.engine || this.engine.isClosed) this.#open(this.entry, this.queue.positionS, { isWanted: true });
    else {
      this.meter.pressed(this.entry);
      this.audio.play().catch((error) => this.#refused(error));
    }
    this.#tell();
  }

  pause() {
    this.isWanted = false;
    this.audio.pause();
    this.#tell();
  }

  stop() {
    this.meter.end();
    this.#drop();
    this.queue.clear();
    this.isWanted = false;
    this.#tell();
  }

  /** Before the session ends: how plays went is told, where that takes no time. */
  async tellAll() {
    await Promise.race([this.reports.send({ isLeaving: true }), new Promise((done) => setTimeout(done, TELL_ALL_MS))]);
  }

  next() {
    const entry = this.queue.neighbour(1);
    if (entry) this.#go(entry, { isWanted: this.isWanted });
    else if (this.entry) this.seek(Math.max(0, this.durationS - 0.1));
  }

  previous() {
    const entry = this.positionS > BACK_TO_START_S ? null : this.queue.neighbour(-1);
    if (entry) this.#go(entry, { isWanted: this.isWanted });
    else this.seek(0);
  }

  seek(seconds) {
    this.isFinished = false;
    const to = Math.min(Math.max(0, seconds), Math.max(0, this.durationS - 0.1));
    this.meter.sought();
    if (this.engine && !this.engine.isClosed) this.engine.seek(to);
    else this.queue.keepPosition(to);
    this.#tell();
  }

  setQuality(name) {
    if (name === this.quality) return;
    this.quality = name;
    this.#store("quality", name);
    this.engine?.qualityChanged();
    this.#tell();
  }

  setVolume(volume) {
    this.audio.volume = Math.min(1, Math.max(0, volume));
    if (volume > 0) this.audio.muted = false;
    this.#store("volume", String(this.audio.volume));
    this.#store("muted", this.audio.muted ? "yes" : "no");
  }

  toggleMuted() {
    this.audio.muted = !this.audio.muted;
    this.#store("muted", this.audio.muted ? "yes" : "no");
  }

  // What the engine asks and tells.

  follow(entry) {
    return this.queue.follow(entry);
  }

  sourceOf(entry) {
    return this.sources.of(entry.track.id, this.leveller.askedOf(entry));
  }

  onEntry(entry) {
    this.meter.entered(entry);
    this.queue.enter(entry);
    this.leveller.refresh();
    this.#tell();
  }

  /** Where the engine cannot go on by itself. */
  onFollow(entry) {
    this.#open(entry, 0, { isWanted: true, isFollowed: true });
  }

  onChange() {
    this.toldSignedOut?.remove(); // something came: one has signed in elsewhere
    this.toldSignedOut = null;
    this.#store("line", String(Math.round(this.estimator.bps ?? 0)), this.session);
    this.#tell();
  }

  onFinished() {
    const { barredAt } = this;
    if (barredAt) return this.#open(barredAt, barredAt === this.entry ? this.positionS : 0, { isWanted: true });
    this.meter.end();
    this.isWanted = false;
    this.isFinished = true;
    this.queue.keepPosition(0);
    this.#tell();
  }

  onFailure(entry, error, isWhole) {
    this.meter.failed(entry, error, isWhole);
    if (error.status === 401) return this.#signedOut(entry);
    const { title } = entry.track;
    const isGone = error.status === 404 || error.status === 410;
    if (!isWhole) {
      const rest = isGone ? `“${title}” is no longer in the library.` : `The rest of “${title}” is damaged.`;
      if (entry === this.entry) notice(rest, { isBad: true });
      return;
    }
    notice(isGone ? `“${title}” is no longer in the library.` : `“${title}” cannot be played: ${error.message}`, { isBad: true });
    entry.failed = true;
    this.queue.dispatchEvent(new Event("change"));
    if (entry !== this.entry) return;
    const following = this.queue.repeat === "one" ? null : this.queue.follow(entry);
    if (following) this.#open(following, 0, { isWanted: this.isWanted, isFollowed: true });
    else {
      this.#drop();
      this.isWanted = false;
      this.#tell();
    }
  }

  /** What is there is heard to its end; then it is tried once more, for one may have signed in elsewhere meanwhile. */
  #signedOut(entry) {
    const how = { isBad: true, isLasting: true, link: { label: "Sign in", act: signInAgain } };
    this.toldSignedOut = notice("You are signed out. Sign in to go on listening.", how);
    if (this.engine !== null && !this.engine.isClosed) {
      this.barredAt = entry;
      return;
    }
    const { positionS } = this;
    this.#drop();
    this.isWanted = false;
    this.queue.enter(entry);
    this.queue.keepPosition(positionS);
    this.#tell();
  }

  /** The browser gave up on what it was given: once more from the same place, a few times. */
  onBroken(entry, seconds, why) {
    const now = performance.now();
    this.repairs = [...this.repairs.filter((at) => now - at < REPAIRS_FORGOTTEN_MS), now];
    if (this.repairs.length > MOST_REPAIRS) this.onFailure(entry, new Error(why || "the browser gave up"), true);
    else this.#open(entry, seconds, { isWanted: this.isWanted, isRepair: true });
  }

  /** From the end of the queue: what was added since, else everything from the start. */
  #playOn() {
    const entry = this.queue.follow(this.entry) ?? this.queue.first;
    if (entry) this.#open(entry, 0, { isWanted: true });
  }

  #enterFirst() {
    this.queue.enter(this.queue.entries[0]);
    this.#tell();
  }

  #go(entry, { isWanted }) {
    this.isFinished = false;
    if (isWanted) this.meter.pressed(entry);
    if (this.engine && !this.engine.isClosed && entry !== this.entry && this.engine.jump(entry)) {
      if (isWanted) this.play();
    } else this.#open(entry, 0, { isWanted });
  }

  #open(entry, atS, { isWanted, ...how }) {
    this.meter.opened(entry, { isWanted, ...how });
    this.#drop();
    this.isFinished = false;
    this.barredAt = null;
    this.isWanted = isWanted;
    this.queue.enter(entry);
    if (isWanted) this.leveller.wake();
    const Kind = MediaSourceKind ? Appender : Simple;
    this.engine = new Kind(this.audio, this, entry, atS);
    // In the same turn as the click: a phone lets nothing else start the sound.
    if (isWanted) this.audio.play().catch((error) => this.#refused(error));
    this.#tell();
  }

  #drop() {
    const { engine } = this;
    this.engine = null;
    engine?.close();
    if (engine) {
      this.audio.removeAttribute("src");
      this.audio.load();
    }
  }

  #refused(error) {
    if (error.name !== "NotAllowedError") return; // a new track took the place of the old one
    this.meter.end();
    this.isWanted = false;
    this.#tell();
  }

  #keep() {
    this.keptAtMs = performance.now();
    if (this.engine && this.entry) this.queue.keepPosition(this.audio.ended ? 0 : this.positionS);
  }

  #store(name, value, storage = this.storage) {
    try {
      storage?.setItem(name, value);
    } catch {
      // Only the memory of a choice is lost.
    }
  }

  #tell() {
    this.dispatchEvent(new Event("change"));
  }
}
