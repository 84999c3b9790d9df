// In which codec family a track is played and from which rung its next segment comes; asks the server what there is.

import { Refused } from "./fetching.js";
import { familyFor, mimeOf, rungFor } from "./quality.js";

/** {family, rungs, rendition} of a source for the quality that `owner` wants now. Throws Refused, ApiError, AbortError. */
export async function chosen(owner, source, kind, signal) {
  const playback = await source.playback(signal);
  const family = familyFor(owner.quality, playback, (one) => mimeOf(one, kind) !== null);
  if (!family) throw new Refused(415, "this browser has no codec for it");
  const rungs = await source.rungs(family, signal);
  const rung = rungs[rungIndex(owner, rungs, null, 0)];
  return { family, rungs, rendition: await source.rendition(family, rung.rank, signal) };
}

/** The index of the rung for the next segment; `current` is the one so far, null at a start. */
export function rungIndex(owner, rungs, current, bufferedS) {
  return rungFor(owner.quality, rungs, current, { bps: owner.estimator.bps, bufferedS });
}
