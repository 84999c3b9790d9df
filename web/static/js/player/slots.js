// Where each track of the queue lies on the one timeline of the MediaSource. Pure.

const SHORTEST_CHANGE_S = 0.1;

/** Up to the next whole microsecond: browsers keep times so, and rounding down loses a sample at a join. */
export function ceilMicroseconds(seconds) {
  return Math.ceil(seconds * 1e6 - 1e-4) / 1e6;
}

/**
 * A place on the timeline, exact over any number of tracks: seconds up to the last change of rate,
 * and samples at `rateHz` since then.
 */
export class Place {
  constructor(baseS = 0, rateHz = 1, samples = 0) {
    this.baseS = baseS;
    this.rateHz = rateHz;
    this.samples = samples;
  }

  after(samples, rateHz) {
    if (rateHz === this.rateHz) return new Place(this.baseS, rateHz, this.samples + samples);
    return new Place(this.baseS + this.samples / this.rateHz, rateHz, samples);
  }

  /** For `appendWindowStart` and `timestampOffset`. */
  get seconds() {
    return ceilMicroseconds(this.baseS + (this.samples * 1e6) / this.rateHz / 1e6);
  }
}

/** One track on the timeline. */
export class Slot {
  constructor(entry, source, family, rungs, rendition, place) {
    this.entry = entry;
    this.source = source;
    this.family = family;
    this.rungs = rungs;
    this.rung = null;
    this.place = place;
    this.next = 0;
    this.from = null;
    this.heard = [];
    this.was = null; // {source, untilS}: from where what is heard before came, with other things baked in
    this.setRendition(rendition);
  }

  setRendition(rendition) {
    this.rendition = rendition;
    this.count = rendition.urls.length;
    this.end = this.place.after(rendition.starts.at(-1), rendition.rateHz);
  }

  get startS() {
    return this.place.seconds;
  }

  get endS() {
    return this.end.seconds;
  }

  get isFull() {
    return this.next >= this.count;
  }

  /** Where segment `n` begins on the timeline. */
  segmentStartS(n) {
    return this.startS + this.rendition.starts[n] / this.rendition.rateHz;
  }

  /** The segment in which this time of the timeline is heard. */
  segmentAt(seconds) {
    const sample = Math.floor((seconds - this.startS) * this.rendition.rateHz + 0.5);
    const { starts } = this.rendition;
    let n = 0;
    while (n + 1 < this.count && starts[n + 1] <= sample) n += 1;
    return n;
  }

  /**
   * From when on another quality can be heard: the next start of a segment after `soonestS`, or before that the end of
   * what is there (`reachS`, 0 where nothing is). Null where all that is left of the track is as good as heard.
   */
  changeAt(soonestS, reachS) {
    const n = Math.min(this.segmentAt(soonestS) + 1, this.count);
    const isAppended = n < this.next;
    const cutS = isAppended ? this.segmentStartS(n) : Math.max(reachS, this.isFull ? this.endS : this.segmentStartS(this.next));
    return cutS < this.endS - SHORTEST_CHANGE_S ? cutS : null;
  }

  /**
   * From `cutS` on the track comes in another quality, or with other things baked in; what is appended after that is to
   * be removed. Segments are counted anew: two families have not the same grid, nor have a file's own FLAC and ours, and
   * may differ in where the track ends by less than a sample.
   */
  change({ family, rungs, rendition, source = this.source }, cutS) {
    const isBakedOtherwise = source?.asked !== this.source?.asked;
    const isOther = family !== this.family || isBakedOtherwise;
    // Before the cut the sound of another family remains, and what is appended must not write over it.
    if (isOther || (this.from !== null && cutS < this.from)) this.from = ceilMicroseconds(cutS);
    if (isOther) this.rung = null;
    if (isBakedOtherwise) this.was = { source: this.source, untilS: cutS };
    this.source = source;
    this.family = family;
    this.rungs = rungs;
    this.setRendition(rendition);
    this.next = this.segmentAt(cutS);
    this.heard = this.heard.filter((one) => one.startS < cutS - 0.01);
  }

  /** Everything that is there goes; the segment around `seconds` comes first. */
  restart(seconds) {
    this.next = this.segmentAt(seconds);
    this.from = null;
    this.heard = [];
    this.was = null;
  }

  /** The track ends before segment `n`: the rest of it cannot be had. */
  cutAt(n) {
    this.count = n;
    this.end = this.place.after(this.rendition.starts[n], this.rendition.rateHz);
  }

  /** Remembers from which rung a stretch came. */
  note(startS, endS, rung, bytes) {
    this.heard = this.heard.filter((one) => one.startS < startS - 0.01);
    this.heard.push({ startS, endS, rung, bps: (bytes * 8) / Math.max(0.1, endS - startS) });
  }

  heardAt(seconds) {
    return this.heard.findLast((one) => one.startS <= seconds + 0.05) ?? this.heard[0] ?? null;
  }
}
