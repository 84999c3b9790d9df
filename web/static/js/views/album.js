// One album with its tracks.

import { api } from "../api.js";
import { bdi, h, icon, iconButton } from "../dom.js";
import { count, sources, span } from "../format.js";
import { cover, lengthClass, tintFrom } from "../ui/cover.js";
import { keeping } from "../ui/keep.js";
import { openMenu } from "../ui/menu.js";
import { fillLive } from "../ui/states.js";
import { markCurrent, queueEntries, trackRow } from "../ui/tracks.js";

export function albumView(context, id, signal) {
  const holder = h("div");
  const draw = (album) => {
    document.title = `${album.title} · ${document.body.dataset.serverName}`;
    return [hero(context.player, album, signal), discs(context.player, album, signal)];
  };
  fillLive(holder, heroSkeleton(), () => api(`albums/${id}`, { signal }), draw, signal, { isWhole: true });
  return holder;
}

function hero(player, album, signal) {
  const playable = album.tracks.filter((track) => !track.missing);
  const picture = cover(album.cover, album.title, 600, { isEager: true });
  const formats = sources(album.tracks);
  const badge = formats.length ? h("span", { class: "badge" }, formats.length > 2 ? `${formats.length} formats` : formats.join(", ")) : null;
  const by = (album.artists ?? []).flatMap((one, n) => [n ? ", " : "", h("a", { href: `/artists/${one.id}` }, bdi(one.name))]);
  const kept = keeping(album, signal);
  const more = iconButton("more", "More", () => openMenu(more, [...queueEntries(player, playable), kept.entry()]), { class: "button", "aria-haspopup": "menu", "aria-expanded": "false" });
  const button = (properties, name, label, act) => h("button", { type: "button", disabled: !playable.length, ...properties, on: { click: act } }, icon(name), label);
  const element = h(
    "header",
    { class: "hero" },
    picture,
    h(
      "div",
      { class: "words" },
      h("p", { class: "kind" }, album.compilation ? "Compilation" : "Album"),
      h("h1", { dir: "auto", class: lengthClass(album.title) }, album.title),
      h(
        "p",
        { class: "facts" },
        h("span", {}, by.length ? by : bdi(album.artist)),
        album.year && h("span", {}, String(album.year)),
        h("span", {}, count(album.track_count, "track")),
        h("span", {}, span(album.duration_ms)),
        badge,
        kept.badge,
      ),
      h(
        "div",
        { class: "buttons" },
        button({ class: "button primary" }, "play", "Play", () => player.playAll(playable)),
        button({ class: "button" }, "shuffle", "Shuffle", () => player.playAll(playable, 0, { shuffle: true })),
        more,
      ),
    ),
  );
  tintFrom(picture, element);
  return element;
}

function discs(player, album, signal) {
  const playable = album.tracks.filter((track) => !track.missing);
  const byDisc = new Map();
  for (const track of album.tracks) byDisc.set(track.disc ?? 1, [...(byDisc.get(track.disc ?? 1) ?? []), track]);
  const holder = h("div");
  for (const [disc, tracks] of byDisc) {
    if (byDisc.size > 1) holder.append(h("h2", { class: "disc" }, `Disc ${disc}`));
    const row = (track) => trackRow(player, track, () => player.playAll(playable, playable.indexOf(track)), { artist: album.artist });
    holder.append(h("ol", { class: "tracks" }, tracks.map(row)));
  }
  markCurrent(player, holder, signal);
  return holder;
}

function heroSkeleton() {
  const line = (width) => h("div", { class: "skeleton", style: { width, height: "18px", "margin-bottom": "12px" } });
  return h("div", { class: "hero", "aria-hidden": "true" }, h("div", { class: "cover skeleton" }), h("div", { class: "words" }, line("60%"), line("40%"), line("30%")));
}
