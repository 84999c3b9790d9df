// Albums, artists and genres as cards.

import { api } from "../api.js";
import { h, icon } from "../dom.js";
import { count, hue } from "../format.js";
import { cover } from "./cover.js";
import { notice } from "./notices.js";

export function albumCard(player, album, { isByYear = false } = {}) {
  const by = isByYear ? album.year || "No year" : [album.artist, album.year].filter(Boolean).join(" · ");
  const play = h(
    "button",
    { type: "button", class: "play-over", "aria-label": `Play ${album.title}`, title: "Play", on: { click: () => playAlbum(player, album) } },
    icon("play"),
  );
  return h(
    "li",
    { class: "card" },
    h("div", { class: "cover-frame" }, cover(album.cover, album.title, 300), play),
    h("a", { class: "main title", href: `/albums/${album.id}` }, album.title),
    h("span", { class: "by" }, by),
  );
}

async function playAlbum(player, album) {
  try {
    const { tracks } = await api(`albums/${album.id}`);
    player.playAll(tracks.filter((track) => !track.missing));
  } catch (error) {
    notice(error.message, { isBad: true });
  }
}

export function artistCard(artist) {
  return h(
    "li",
    { class: "card round" },
    h("div", { class: "cover-frame" }, cover(artist.cover, artist.name, 300)),
    h("a", { class: "main title", href: `/artists/${artist.id}` }, artist.name),
    h("span", { class: "by" }, artist.album_count ? count(artist.album_count, "album") : count(artist.track_count, "track")),
  );
}

export function genreCard(genre) {
  return h("li", {}, h("a", { class: "chip", href: `/genres/${genre.id}`, style: { display: "block", "--hue": String(hue(genre.name)) } }, genre.name, h("small", {}, count(genre.track_count, "track"))));
}
