// One segment on its way: how fast it comes, and whether it is given up for a smaller one.

import { isTooSlow } from "./abr.js";

export class Watch {
  constructor({ owner, playhead, controller, slot, n, index }) {
    Object.assign(this, { owner, playhead, controller });
    this.lowestBps = index > 0 && owner.quality === "auto" ? slot.rungs[0].bps : null;
    this.segmentS = slot.rendition.durationsS[n] ?? 4;
    this.elapsedS = 0;
    this.trickle = null;
    this.wasTooSlow = false;
  }

  progress(bytes, totalBytes, elapsedS, chunk) {
    this.elapsedS = elapsedS;
    this.trickle?.take(chunk, bytes);
    if (this.lowestBps === null || this.wasTooSlow) return;
    const { lowestBps, segmentS } = this;
    const { bufferedS } = this.playhead;
    if (!isTooSlow({ bytes, totalBytes, elapsedS, bufferedS, lowestBps, segmentS })) return;
    this.wasTooSlow = true;
    this.owner.estimator.add(bytes, elapsedS);
    this.controller.abort();
  }

  done(bytes) {
    this.owner.estimator.add(bytes, this.elapsedS);
  }
}
