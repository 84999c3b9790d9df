// How fast the line is, and which quality it carries. Pure.

const HALF_LIVES_S = [2, 8];
const UP = 1.4;
const UP_BUFFER_S = 8;
const PLENTY = 4;
const PLENTY_BUFFER_S = 2;
const DOWN = 1.1;
const IN_HAND_S = 10;

/** Two exponential means of the throughput; the lower one counts, so that a drop is seen at once. */
export class Estimator {
  constructor(startBps = null) {
    this.means = HALF_LIVES_S.map((halfLifeS) => ({ halfLifeS, sum: 0, weight: 0 }));
    this.startBps = startBps;
  }

  add(bytes, seconds) {
    if (bytes <= 0 || seconds <= 0) return;
    const bps = (bytes * 8) / seconds;
    for (const mean of this.means) {
      const keep = 0.5 ** (seconds / mean.halfLifeS);
      mean.sum = mean.sum * keep + bps * (1 - keep);
      mean.weight = mean.weight * keep + (1 - keep);
    }
  }

  /** Bits per second, or null where nothing is known. */
  get bps() {
    const known = this.means.filter((mean) => mean.weight > 0).map((mean) => mean.sum / mean.weight);
    return known.length ? Math.min(...known) : this.startBps;
  }
}

/**
 * Which of `rungs` (the lowest first) the next segment is fetched from. `current` is the index so far, null at a start.
 * Up where the line carries 1.4 times the rate and 8 s are in hand (at four times, 2 s are enough);
 * down where it does not carry 1.1 times the rate, unless the segment comes with 10 s still in hand.
 */
export function chooseRung(rungs, current, { bps, bufferedS, segmentS = 4 }) {
  if (bps === null) return current ?? 0;
  const fitting = (factor) => Math.max(0, rungs.findLastIndex((rung) => rung.bps * factor <= bps));
  if (current === null) return fitting(PLENTY);
  const isReady = bufferedS >= UP_BUFFER_S;
  const up = isReady ? fitting(UP) : bufferedS >= PLENTY_BUFFER_S ? fitting(PLENTY) : 0;
  if (up > current) return up;
  if (rungs[current].bps * DOWN <= bps) return current;
  const arrivesInS = (rungs[current].bps * segmentS) / bps;
  return bufferedS - arrivesInS >= IN_HAND_S ? current : Math.min(current, fitting(DOWN));
}

/** Whether a segment on its way would outlast the buffer, and the lowest rung would come sooner. */
export function isTooSlow({ bytes, totalBytes, elapsedS, bufferedS, lowestBps, segmentS }) {
  if (elapsedS < 0.5 || bytes >= totalBytes) return false;
  const bytesPerS = Math.max(bytes, 1) / elapsedS;
  const remainingS = (totalBytes - bytes) / bytesPerS;
  return remainingS > bufferedS && (lowestBps * segmentS) / 8 / bytesPerS < remainingS;
}
