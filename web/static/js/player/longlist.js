// Playing all tracks of an artist or a genre: it begins with the first page of the API, the others follow meanwhile.

import { api, query } from "../api.js";
import { persistently } from "./fetching.js";
import { MOST } from "./queue.js";
import { count } from "../format.js";
import { notice } from "../ui/notices.js";

const PAGE = 500; // the most that the API answers at once

/**
 * Plays the tracks that `parameters` select, up to as many as a queue holds. Answers when the last of them is in the
 * queue, or when something else was put there in their place. Tells failures itself.
 */
export async function playList(player, parameters, { shuffle = false } = {}) {
  const playable = (page) => page.items.filter((track) => !track.missing);
  try {
    let page = await api(query("tracks", { ...parameters, limit: PAGE }));
    while (!playable(page).length && page.next) page = await follow(parameters, page);
    const batch = player.playAll(playable(page), 0, { shuffle });
    if (!batch) return notice("There is nothing here that can be played.", { isBad: true });
    while (page.next && player.queue.entries.length < MOST) {
      page = await follow(parameters, page);
      if (!player.queue.extend(batch, playable(page))) return;
    }
    if (page.next) notice(`The queue is full: it holds the first ${count(MOST, "track")}.`);
  } catch (error) {
    notice(error.message, { isBad: true });
  }
}

function follow(parameters, page) {
  const ask = () => api(query("tracks", { ...parameters, limit: PAGE, cursor: page.next }), { stays: true });
  return persistently(ask, { renew() {} });
}
