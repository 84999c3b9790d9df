// Lists of tracks: play from here, what else can be done with one, which one is heard.

import { bdi, h, icon, iconButton } from "../dom.js";
import { clock, count } from "../format.js";
import { cover } from "./cover.js";
import { openMenu } from "./menu.js";
import { notice } from "./notices.js";

const bars = () => h("span", { class: "bars", "aria-hidden": "true" }, h("i"), h("i"), h("i"));

/** What can be done with some tracks besides playing them now. */
export function queueEntries(player, tracks) {
  const what = tracks.length === 1 ? `“${tracks[0].title}”` : count(tracks.length, "track");
  const done = (words) => notice(`${what} ${words}`);
  return [
    { label: "Play next", icon: "next", act: () => (player.addNext(tracks), done("will be played next")) },
    { label: "Add to queue", icon: "queue", act: () => (player.add(tracks), done("added to the queue")) },
  ];
}

function trackEntries(player, track, { hasAlbumLink }) {
  const artist = track.artists?.[0];
  return [
    ...queueEntries(player, [track]),
    hasAlbumLink && track.album?.id && { label: "Go to the album", icon: "albums", href: `/albums/${track.album.id}` },
    artist && { label: "Go to the artist", icon: "artists", href: `/artists/${artist.id}` },
  ];
}

/** One row. `play()` starts from it; `hasCover` for lists of many albums. */
export function trackRow(player, track, play, { hasCover = false, artist = null } = {}) {
  const digits = h("span", { class: "digits", data: { number: track.track ? String(track.track) : "–" } });
  const lead = h(
    "button",
    { type: "button", class: "lead", "aria-label": `Play ${track.title}`, disabled: track.missing, on: { click: play } },
    hasCover ? cover(track.cover, track.album?.title || track.title, 48, { isSmall: true }) : digits,
    bars(),
    icon("play"),
  );
  const by = hasCover || track.artist !== artist ? h("span", {}, track.missing ? "The file is missing" : artists(track)) : null;
  const where = hasCover && track.album?.id && h("a", { class: "where", dir: "auto", href: `/albums/${track.album.id}` }, track.album.title);
  const more = iconButton("more", `More for ${track.title}`, () => openMenu(more, trackEntries(player, track, { hasAlbumLink: hasCover })), { "aria-haspopup": "menu", "aria-expanded": "false" });
  const row = h(
    "li",
    { class: `track${hasCover ? " with-cover" : ""}${track.missing ? " missing" : ""}`, data: { track: String(track.id) } },
    lead,
    h("div", { class: "name" }, h("b", { dir: "auto" }, track.title), by),
    hasCover && (where || h("span", { class: "where" })),
    h("span", { class: "time" }, clock(track.duration_ms / 1000)),
    more,
  );
  row.addEventListener("dblclick", (event) => !event.target.closest("a, button") && !track.missing && play());
  row.addEventListener("click", (event) => {
    const isTouch = matchMedia("(hover: none)").matches;
    if (isTouch && !event.target.closest("a, button") && !track.missing) play();
  });
  row.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    openMenu(more, trackEntries(player, track, { hasAlbumLink: hasCover }));
  });
  return row;
}

function artists(track) {
  if (!track.artists?.length) return bdi(track.artist ?? "");
  return track.artists.flatMap((one, n) => [n ? ", " : "", h("a", { href: `/artists/${one.id}` }, bdi(one.name))]);
}

/** Marks the rows of the track that is heard, now and whenever it changes. */
export function markCurrent(player, holder, signal) {
  let shown;
  const mark = () => {
    const id = player.track ? String(player.track.id) : "";
    const rows = holder.querySelectorAll("[data-track]");
    if (id === shown && rows.length === mark.rows) return;
    shown = id;
    mark.rows = rows.length;
    for (const row of rows) {
      row.classList.toggle("current", row.dataset.track === id);
      if (row.dataset.track === id) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  };
  player.addEventListener("change", mark, { signal });
  mark();
}
