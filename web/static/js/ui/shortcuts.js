// Keys that work everywhere but in fields.

import { within } from "../base.js";

const SEEK_S = 5;
const VOLUME = 0.05;

export function connect(player, go) {
  const keys = {
    " ": () => player.toggle(),
    k: () => player.toggle(),
    ArrowLeft: () => player.seek(player.positionS - SEEK_S),
    ArrowRight: () => player.seek(player.positionS + SEEK_S),
    ArrowUp: () => player.setVolume(player.audio.volume + VOLUME),
    ArrowDown: () => player.setVolume(player.audio.volume - VOLUME),
    n: () => player.next(),
    p: () => player.previous(),
    m: () => player.toggleMuted(),
    "/": () => {
      if (within(location.pathname) !== "/search") go("/search");
      document.querySelector(".search-box input")?.focus();
    },
  };
  const needTrack = new Set([" ", "k", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "n", "p"]);
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    if (target.closest?.("input, select, textarea, dialog, [role=menu]")) return;
    if (event.key === " " && target.closest?.("button, a, summary")) return;
    const isScrolling = event.key === "ArrowUp" || event.key === "ArrowDown";
    if (isScrolling && !event.shiftKey) return; // the plain arrows scroll the page
    if (event.shiftKey && !isScrolling && event.key !== "/") return;
    const act = keys[event.key];
    if (!act || (needTrack.has(event.key) && !player.track)) return;
    event.preventDefault();
    act();
  });
}
