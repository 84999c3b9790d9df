// Where the page begins: the player lives here for as long as the tab, the views come and go.

import { onReachable } from "./api.js";
import { within } from "./base.js";
import { h } from "./dom.js";
import { connect as connectLive } from "./live.js";
import { connect as connectMediaSession } from "./player/mediasession.js";
import { Player } from "./player/player.js";
import { Router } from "./router.js";
import { me, serverName } from "./session.js";
import { Bar } from "./ui/bar.js";
import { connect as connectShortcuts } from "./ui/shortcuts.js";
import { empty } from "./ui/states.js";
import { adminView } from "./views/admin.js";
import { albumView } from "./views/album.js";
import { albumsView } from "./views/albums.js";
import { artistView } from "./views/artist.js";
import { artistsView } from "./views/artists.js";
import { genresView, genreView } from "./views/genres.js";
import { healthView } from "./views/health.js";
import { qualityView } from "./views/quality.js";
import { queueView } from "./views/queue.js";
import { reportView } from "./views/report.js";
import { searchView } from "./views/search.js";
import { settingsView } from "./views/settings.js";

function storage(name) {
  try {
    return window[name];
  } catch {
    return null; // forbidden by the browser's settings: the page works, and forgets
  }
}

const kept = { storage: storage("localStorage"), session: storage("sessionStorage"), userId: me.id };
const player = new Player(document.getElementById("sound"), kept);
const context = { player, go: (path, options) => router.go(path, options) };
const id = "([1-9][0-9]{0,17})";

const routes = [
  [/^\/(?:albums)?$/, (match, signal) => albumsView(context, signal)],
  [new RegExp(`^/albums/${id}$`), (match, signal) => albumView(context, match[1], signal)],
  [/^\/artists$/, (match, signal) => artistsView(context, signal)],
  [new RegExp(`^/artists/${id}$`), (match, signal) => artistView(context, match[1], signal)],
  [/^\/genres$/, (match, signal) => genresView(context, signal)],
  [new RegExp(`^/genres/${id}$`), (match, signal) => genreView(context, match[1], signal)],
  [/^\/search$/, (match, signal) => searchView(context, signal)],
  [/^\/queue$/, (match, signal) => queueView(context, signal)],
  [/^\/settings$/, (match, signal) => settingsView(context, signal)],
  [/^\/admin$/, (match, signal) => adminView(context, signal)],
  [/^\/admin\/health$/, (match, signal) => healthView(context, signal)],
  [/^\/admin\/listening$/, (match, signal) => qualityView(context, signal)],
  [/^\/admin\/report$/, (match, signal) => reportView(context, signal)],
];

const view = document.getElementById("view");
let isFirst = true;
const router = new Router(view, routes, {
  onShow(path) {
    for (const link of document.querySelectorAll("[data-nav]")) {
      const sections = [link.getAttribute("href"), link.dataset.leadsTo].filter(Boolean).map(within);
      const isIn = (section) => path === section || path.startsWith(`${section}/`) || (path === "/" && section === "/albums");
      const isHere = sections.some(isIn);
      if (isHere) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const heading = view.querySelector("h1")?.textContent;
    document.title = heading ? `${heading} · ${serverName}` : serverName;
    if (!isFirst && !view.contains(document.activeElement)) view.focus({ preventScroll: true });
    isFirst = false;
  },
  onMissing: () => empty("note", "This is not here", "The address leads nowhere.", h("a", { class: "button", href: "/albums" }, "All albums"), "h1"),
});

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  view.focus();
});

new Bar(document.getElementById("player"), player, context.go);
connectShortcuts(player, context.go);
connectMediaSession(player);
onReachable((isReachable) => (document.getElementById("offline").hidden = isReachable));
router.show();
connectLive();
