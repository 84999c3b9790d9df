// All artists.

import { h } from "../dom.js";
import { artistCard } from "../ui/cards.js";
import { paged } from "../ui/paging.js";
import { fill, noMusic, skeletonCards } from "../ui/states.js";

export function artistsView(context, signal) {
  const holder = h("div");
  const load = async () => {
    const list = h("ul", { class: "grid" });
    const { page, end } = await paged("artists", {}, list, artistCard, signal, { isLive: true });
    if (!page.items.length) return noMusic(signal, () => fill(holder, skeletonCards(), load, signal));
    return [list, end];
  };
  fill(holder, skeletonCards(), load, signal);
  return h("div", {}, h("header", { class: "head" }, h("h1", {}, "Artists")), holder);
}
