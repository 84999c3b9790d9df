// Hands on every sample that comes by, from the thread that renders sound: a busy page loses none of them.
const BLOCK = 8192;

registerProcessor(
  "recorder",
  class extends AudioWorkletProcessor {
    constructor() {
      super();
      this.begin(0);
    }

    begin(frame) {
      this.frame = frame;
      this.filled = 0;
      this.channels = [new Float32Array(BLOCK), new Float32Array(BLOCK)];
    }

    process([input]) {
      if (!this.filled) this.begin(currentFrame);
      for (const n of [0, 1]) if (input[n]) this.channels[n].set(input[n], this.filled);
      this.filled += 128;
      if (this.filled < BLOCK) return true;
      const { frame, channels } = this;
      this.port.postMessage({ frame, channels }, channels.map((channel) => channel.buffer));
      this.filled = 0;
      return true;
    }
  },
);
