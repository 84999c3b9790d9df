// One SourceBuffer: one operation at a time, aimed at one track after the other.

const EDGE_S = 0.12;

export class Buffer {
  constructor(source, audio) {
    this.source = source;
    this.audio = audio;
    this.inner = null;
    this.mime = null;
    this.init = null;
  }

  get isOpen() {
    return this.inner !== null;
  }

  /** Where the kept part begins; Infinity where nothing is kept. */
  get firstS() {
    return this.inner?.buffered.length ? this.inner.buffered.start(0) : Infinity;
  }

  /**
   * What is appended from now on is heard between `startS` and `endS`, its own time 0 at `offsetS`.
   * The initialisation segment is sent where it is another one: sent again, Firefox clicks.
   */
  async aim({ mime, init, startS, endS, offsetS }) {
    this.inner ??= this.source.addSourceBuffer(mime);
    const { inner } = this;
    if (this.source.readyState === "ended") inner.timestampOffset = offsetS; // opens it again
    inner.abort();
    const isNewType = this.mime !== null && this.mime !== mime;
    if (isNewType) inner.changeType(mime);
    this.mime = mime;
    inner.appendWindowStart = 0;
    inner.appendWindowEnd = endS;
    inner.appendWindowStart = startS;
    inner.timestampOffset = offsetS;
    if (!(this.source.duration >= endS)) this.source.duration = endS;
    if (!isNewType && isSame(this.init, init)) return;
    await this.append(init);
    this.init = init;
  }

  append(bytes) {
    return this.#through(() => this.inner.appendBuffer(bytes));
  }

  async remove(startS, endS) {
    if (this.inner && startS < endS) await this.#through(() => this.inner.remove(startS, endS));
  }

  /** Until where everything is there from `seconds` on; `seconds` itself where nothing is. */
  endFrom(seconds) {
    const { buffered } = this.audio;
    for (let n = 0; n < buffered.length; n += 1) {
      if (buffered.start(n) <= seconds + EDGE_S && buffered.end(n) > seconds) return buffered.end(n);
    }
    return seconds;
  }

  has(seconds) {
    const { buffered } = this.audio;
    for (let n = 0; n < buffered.length; n += 1) {
      if (buffered.start(n) <= seconds + 0.01 && buffered.end(n) > seconds + 0.01) return true;
    }
    return false;
  }

  #through(operation) {
    return new Promise((resolve, reject) => {
      const { inner } = this;
      const finish = (event) => {
        inner.removeEventListener("updateend", finish);
        inner.removeEventListener("error", finish);
        if (event.type === "error") reject(new Error("the browser cannot decode a segment"));
        else resolve();
      };
      operation();
      inner.addEventListener("updateend", finish);
      inner.addEventListener("error", finish);
    });
  }
}

function isSame(one, other) {
  if (one === other) return true;
  if (!one || one.byteLength !== other.byteLength) return false;
  const [a, b] = [new Uint8Array(one), new Uint8Array(other)];
  return a.every((byte, at) => byte === b[at]);
}
