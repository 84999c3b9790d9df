// One segment after the other: from which rung it comes, how it is fetched, and that it is heard before all of it is there.

import { Refused } from "./fetching.js";
import { rungIndex } from "./choosing.js";
import { Trickle } from "./trickle.js";
import { Watch } from "./watch.js";

const URGENT_S = 0.5;
const URGENT_SHARE = 1.5;

export const TOO_SLOW = "too slow";

export class Segments {
  /** `aim(slot)` points the SourceBuffer at a track; `aim(null)` forgets at which it points. */
  constructor({ owner, buffer, playhead, aim }) {
    Object.assign(this, { owner, buffer, playhead, aim });
  }

  /**
   * Fetches the next segment of `slot`: {rung, bytes, isIn}, where `isIn` tells that it was appended as it came;
   * TOO_SLOW where it was given up for a smaller one. Throws Refused, ApiError, AbortError, and what the browser says to a bad segment.
   */
  async next(slot, controller) {
    const { signal } = controller;
    const n = slot.next;
    const index = rungIndex(this.owner, slot.rungs, slot.rung, this.playhead.bufferedS);
    const rung = slot.rungs[index];
    const watch = new Watch({ owner: this.owner, playhead: this.playhead, controller, slot, n, index });
    try {
      const rendition = await slot.source.rendition(slot.family, rung.rank, signal);
      if (!rendition.urls[n]) throw new Refused(404, "the sound has changed");
      if (this.#isUrgent(rung, watch.segmentS)) watch.trickle = await this.#trickle(slot);
      const bytes = await slot.source.segment(slot.family, rung.rank, n, { signal, onProgress: (...how) => watch.progress(...how) });
      await watch.trickle?.done();
      slot.rung = index;
      watch.done(bytes.byteLength);
      return { rung, bytes, isIn: watch.trickle !== null };
    } catch (error) {
      if (watch.trickle) {
        await watch.trickle.done().catch(() => {});
        await this.aim(null); // half a segment is in: the next one must not be taken for its rest
      }
      if (!watch.wasTooSlow) throw error;
      slot.rung = Math.max(0, index - 1);
      return TOO_SLOW;
    }
  }

  /** The music would stop before all of it is there, and the line carries it faster than it is heard. */
  #isUrgent(rung, segmentS) {
    const bps = this.owner.estimator.bps ?? Infinity;
    return rung.bps <= bps && this.playhead.bufferedS < Math.max(URGENT_S, (URGENT_SHARE * segmentS * rung.bps) / bps);
  }

  async #trickle(slot) {
    const again = async () => {
      await this.aim(null);
      await this.aim(slot);
    };
    await this.aim(slot);
    return new Trickle(this.buffer, again, () => this.playhead.arrive());
  }
}
