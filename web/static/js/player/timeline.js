// The tracks that lie on the timeline of one MediaSource, in the order in which they are heard. Pure.

export class Timeline {
  constructor() {
    this.slots = [];
    this.current = null; // the one that is heard
  }

  get isEmpty() {
    return !this.slots.length;
  }

  get last() {
    return this.slots.at(-1) ?? null;
  }

  push(slot) {
    this.slots.push(slot);
  }

  at(seconds) {
    return this.slots.findLast((one) => one.startS <= seconds + 0.001) ?? null;
  }

  after(slot) {
    return this.slots[this.slots.indexOf(slot) + 1] ?? null;
  }

  /** Where the next segment belongs: the first from the current one on that is not whole, else the last one. */
  get unfinished() {
    const ahead = this.slots.slice(Math.max(0, this.slots.indexOf(this.current)));
    return ahead.find((one) => !one.isFull) ?? this.last;
  }

  /** Takes away what lies after `slot`, and answers it. */
  cutAfter(slot) {
    return this.slots.splice(this.slots.indexOf(slot) + 1);
  }

  remove(slot) {
    this.slots = this.slots.filter((one) => one !== slot);
  }

  keepOnly(slot) {
    this.slots = [slot];
  }

  /** Forgets what was over before `seconds`. */
  forgetBefore(seconds) {
    while (this.slots.length > 1 && this.slots[0] !== this.current && this.slots[0].endS < seconds) this.slots.shift();
  }

  /** The last one that is still right, from the current one on, where `follow(entry)` tells what comes after an entry. */
  lastRight(follow) {
    let slot = this.current ?? this.slots[0] ?? null;
    while (slot && this.after(slot) && follow(slot.entry) === this.after(slot).entry) slot = this.after(slot);
    return slot;
  }
}
