// Genres, and the albums of one.

import { api, query } from "../api.js";
import { h, icon } from "../dom.js";
import { playList } from "../player/longlist.js";
import { albumCard, genreCard } from "../ui/cards.js";
import { paged } from "../ui/paging.js";
import { empty, fill, skeletonCards } from "../ui/states.js";

export function genresView(context, signal) {
  const holder = h("div");
  fill(holder, skeletonCards(8), async () => {
    const list = h("ul", { class: "chips" });
    const { page, end } = await paged("genres", {}, list, genreCard, signal, { limit: 200, isLive: true });
    return page.items.length ? [list, end] : empty("genres", "No genres", "The tags of the music name none.");
  }, signal);
  return h("div", {}, h("header", { class: "head" }, h("h1", {}, "Genres")), holder);
}

export function genreView({ player }, id, signal) {
  const holder = h("div");
  const title = h("h1", { class: "grow", dir: "auto" }, "Genre");
  const shuffle = h("button", { type: "button", class: "button primary" }, icon("shuffle"), "Shuffle");
  shuffle.addEventListener("click", () => playList(player, { genre: id }, { shuffle: true }));
  fill(holder, skeletonCards(), async () => {
    const list = h("ul", { class: "grid" });
    const name = nameOf(id, signal);
    const { end } = await paged("albums", { genre: id }, list, (album) => albumCard(player, album), signal, { isLive: true });
    title.textContent = await name;
    return [list, end];
  }, signal);
  return h("div", {}, h("header", { class: "head" }, title, shuffle), holder);
}

async function nameOf(id, signal) {
  let cursor = null;
  do {
    const page = await api(query("genres", { limit: 500, cursor }), { signal });
    const found = page.items.find((genre) => String(genre.id) === id);
    if (found) return found.name;
    cursor = page.next;
  } while (cursor);
  return "Genre";
}
