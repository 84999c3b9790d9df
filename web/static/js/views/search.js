// Search as one types: artists, albums and tracks, the best first.

import { api, query } from "../api.js";
import { h, icon } from "../dom.js";
import { albumCard, artistCard } from "../ui/cards.js";
import { paged } from "../ui/paging.js";
import { empty, failed } from "../ui/states.js";
import { markCurrent, trackRow } from "../ui/tracks.js";

const WAIT_MS = 160;
const FIRST = 12;

export function searchView({ player, go }, signal) {
  const results = h("div", { "aria-live": "polite" });
  const asked = new URLSearchParams(location.search);
  const kind = { artists: "artist", albums: "album", tracks: "track" }[asked.get("type")] ?? null;
  const input = h("input", { type: "search", placeholder: "Artists, albums, tracks", "aria-label": "Search", autocomplete: "off", spellcheck: "false", enterkeyhint: "search", maxlength: "200" });
  input.value = asked.get("q") ?? "";
  let searching = new AbortController();
  signal.addEventListener("abort", () => searching.abort());

  const search = async () => {
    searching.abort();
    searching = new AbortController();
    const { signal: mine } = searching;
    const q = input.value.trim();
    if (!q) return results.replaceChildren(hint());
    try {
      const found = kind ? await only(player, kind, q, mine) : await everything(player, q, mine);
      if (!mine.aborted) results.replaceChildren(...[found].flat());
    } catch (error) {
      if (error.name !== "AbortError") results.replaceChildren(failed(error, search));
    }
  };
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    const q = input.value.trim();
    timer = setTimeout(() => {
      go(q ? query("/search", { q, type: asked.get("type") }) : "/search", { replace: true });
      search();
    }, WAIT_MS);
  });
  signal.addEventListener("abort", () => clearTimeout(timer));
  markCurrent(player, results, signal);
  search();
  if (!input.value || matchMedia("(hover: hover)").matches) requestAnimationFrame(() => input.focus({ preventScroll: true }));
  return h("div", {}, h("h1", { class: "visually-hidden" }, "Search"), h("div", { class: "search-box", role: "search" }, h("div", { class: "field" }, icon("search"), input)), results);
}

function hint() {
  return empty("search", "Find something to play", "A few letters are enough; accents and capitals do not matter.");
}

function nothing(q) {
  return empty("search", "Nothing found", `Nothing here is called “${q}”.`);
}

async function everything(player, q, signal) {
  const { artists, albums, tracks } = await api(query("search", { q, limit: FIRST }), { signal });
  const section = (title, type, found, list) =>
    found.items.length > 0 &&
    h(
      "section",
      { class: "section" },
      h("header", { class: "head" }, h("h2", { class: "grow" }, title), found.next && h("a", { class: "button small", href: query("/search", { q, type }) }, "Show all")),
      list,
    );
  const row = (track) => trackRow(player, track, () => player.playAll(playable(tracks.items), playable(tracks.items).indexOf(track)), { hasCover: true });
  const sections = [
    section("Artists", "artists", artists, h("ul", { class: "row" }, artists.items.map(artistCard))),
    section("Albums", "albums", albums, h("ul", { class: "row" }, albums.items.map((album) => albumCard(player, album)))),
    section("Tracks", "tracks", tracks, h("ol", { class: "tracks" }, tracks.items.map(row))),
  ].filter(Boolean);
  if (!sections.length) return nothing(q);
  const holder = h("div", {}, sections);
  markCurrent(player, holder, signal);
  return holder;
}

async function only(player, kind, q, signal) {
  const seen = [];
  const draw = {
    artist: artistCard,
    album: (album) => albumCard(player, album),
    track: (track) => {
      seen.push(track);
      return trackRow(player, track, () => player.playAll(playable(seen), playable(seen).indexOf(track)), { hasCover: true });
    },
  }[kind];
  const list = kind === "track" ? h("ol", { class: "tracks" }) : h("ul", { class: "grid" });
  const { page, end } = await paged("search", { q, type: kind }, list, draw, signal);
  if (!page.items.length) return nothing(q);
  markCurrent(player, list, signal);
  return [list, end];
}

const playable = (tracks) => tracks.filter((track) => !track.missing);
