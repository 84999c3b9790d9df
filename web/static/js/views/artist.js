// One artist: own albums, and those of others with a part in them.

import { api } from "../api.js";
import { h, icon } from "../dom.js";
import { count } from "../format.js";
import { playList } from "../player/longlist.js";
import { albumCard } from "../ui/cards.js";
import { cover, lengthClass, tintFrom } from "../ui/cover.js";
import { fillLive, skeletonCards } from "../ui/states.js";

export function artistView(context, id, signal) {
  const holder = h("div");
  const draw = (artist) => {
    document.title = `${artist.name} · ${document.body.dataset.serverName}`;
    const section = (title, albums, options) =>
      albums.length > 0 &&
      h("section", { class: "section" }, h("header", { class: "head" }, h("h2", {}, title)), h("ul", { class: "grid" }, albums.map((album) => albumCard(context.player, album, options))));
    return h("div", {}, hero(context.player, artist), section("Albums", artist.albums, { isByYear: true }), section("Appears on", artist.appears_on));
  };
  fillLive(holder, skeletonCards(6), () => api(`artists/${id}`, { signal }), draw, signal, { isWhole: true });
  return holder;
}

function hero(player, artist) {
  const picture = cover(artist.cover, artist.name, 400, { isEager: true });
  const start = (options) => () => playList(player, { artist: artist.id }, options);
  const facts = [artist.album_count > 0 && count(artist.album_count, "album"), count(artist.track_count, "track")].filter(Boolean);
  const element = h(
    "header",
    { class: "hero round" },
    picture,
    h(
      "div",
      { class: "words" },
      h("p", { class: "kind" }, "Artist"),
      h("h1", { dir: "auto", class: lengthClass(artist.name) }, artist.name),
      h("p", { class: "facts" }, facts.map((fact) => h("span", {}, fact))),
      h(
        "div",
        { class: "buttons" },
        h("button", { type: "button", class: "button primary", on: { click: start({}) } }, icon("play"), "Play"),
        h("button", { type: "button", class: "button", on: { click: start({ shuffle: true }) } }, icon("shuffle"), "Shuffle"),
      ),
    ),
  );
  tintFrom(picture, element);
  return element;
}
