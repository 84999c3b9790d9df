// Albums, artists and genres as cards.

import { api } from "../api.js";
import { bdi, h, icon } from "../dom.js";
import { count, hue } from "../format.js";
import { cover } from "./cover.js";
import { notice } from "./notices.js";

export function albumCard(player, album, { isByYear = false } = {}) {
  const by = isByYear ? album.year || "No year" : [album.artist && bdi(album.artist), album.artist && album.year && " · ", album.year];
  const play = h(
    "button",
    { type: "button", class: "play-over", "aria-label": `Play ${album.title}`, title: "Play", on: { click: () => playAlbum(player, album) } },
    icon("play"),
  );
  return h(
    "li",
    { class: "card" },
    h("div", { class: "cover-frame" }, cover(album.cover, album.title, 300), play),
    h("a", { class: "main title", dir: "auto", href: `/albums/${album.id}` }, album.title),
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
    h("a", { class: "main title", dir: "auto", href: `/artists/${artist.id}` }, artist.name),
    h("span", { class: "by" }, artist.album_count ? count(artist.album_count, "album") : count(artist.track_count, "track")),
  );
}

export function genreCard(genre) {
  return h("li", {}, h("a", { class: "chip", href: `/genres/${genre.id}`, style: { display: "block", "--hue": String(hue(genre.name)) } }, h("span", { dir: "auto" }, breakable(genre.name)), h("small", {}, count(genre.track_count, "track"))));
}

/** "Singer/Songwriter" may be broken after its stroke. */
function breakable(text) {
  return text.split(/(?<=[/&+–—-])/u).flatMap((part, n) => [n ? h("wbr") : "", part]);
}
