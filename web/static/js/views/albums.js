// All albums, as a grid of covers.

import { h } from "../dom.js";
import { albumCard } from "../ui/cards.js";
import { paged } from "../ui/paging.js";
import { fill, noMusic, skeletonCards } from "../ui/states.js";

const SORTS = [
  { name: "title", label: "Title" },
  { name: "artist", label: "Artist" },
  { name: "added", label: "Newest first", order: "desc" },
  { name: "year", label: "Year", order: "desc" },
];

export function albumsView({ player, go }, signal) {
  const asked = new URLSearchParams(location.search).get("sort");
  const sort = SORTS.find((one) => one.name === asked) ?? SORTS[0];
  const options = SORTS.map((one) => h("option", { value: one.name, selected: one === sort }, one.label));
  const choose = h("select", { "aria-label": "Sort by" }, options);
  choose.addEventListener("change", () => {
    go(choose.value === SORTS[0].name ? "/albums" : `/albums?sort=${choose.value}`);
    document.querySelector(".sort select")?.focus();
  });
  const holder = h("div");
  const load = async () => {
    const list = h("ul", { class: "grid" });
    const { page, end } = await paged("albums", { sort: sort.name, order: sort.order }, list, (album) => albumCard(player, album), signal, { isLive: true });
    if (!page.items.length) return noMusic(signal, () => fill(holder, skeletonCards(), load, signal));
    return [list, end];
  };
  fill(holder, skeletonCards(), load, signal);
  return h("div", {}, h("header", { class: "head" }, h("h1", { class: "grow" }, "Albums"), h("div", { class: "sort" }, choose)), holder);
}
