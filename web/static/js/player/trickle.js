// A segment that somebody waits for: appended bit by bit as it comes, so that it is heard before it is there.

export class Trickle {
  /** `aim()` resets the SourceBuffer, `onBit()` is told after each bit that is in. */
  constructor(buffer, aim, onBit) {
    this.buffer = buffer;
    this.aim = aim;
    this.onBit = onBit;
    this.waiting = [];
    this.last = 0;
    this.working = null;
    this.error = null;
  }

  /** `bytes` counts from the start of the segment: one that begins anew after a broken line is seen by that. */
  take(chunk, bytes) {
    if (bytes - chunk.length < this.last) this.waiting = [null];
    this.last = bytes;
    this.waiting.push(chunk);
    this.working ??= this.#work();
  }

  /** When all that was taken is in. Throws what the browser threw. */
  async done() {
    await this.working;
    if (this.error) throw this.error;
  }

  async #work() {
    try {
      while (this.waiting.length) {
        const bits = this.waiting.splice(0);
        if (bits[0] === null) {
          await this.aim();
          bits.shift();
        }
        await this.buffer.append(await new Blob(bits).arrayBuffer());
        this.onBit();
      }
    } catch (error) {
      this.error = error;
      this.waiting = [];
    }
    this.working = null;
  }
}
