// What a view shows while it waits, when there is nothing, and when something failed.

import { api, onReachable } from "../api.js";
import { h, icon, quoting } from "../dom.js";
import { count } from "../format.js";
import { isLive, onLive } from "../live.js";

const POLL_MS = 1500;
const LIVE_POLL_MS = 30_000;

/** `heading` is "h1" where nothing else names the page. */
export function empty(name, title, words, action = null, heading = "h2") {
  return h("div", { class: "empty" }, icon(name), h(heading, {}, title), h("p", {}, quoting(words)), action);
}

export function failed(error, again, heading = "h2") {
  if (error.status === 404) return empty("note", "This is not here", "It may have been removed from the library.", h("a", { class: "button", href: "/albums" }, "All albums"), heading);
  return empty("offline", "That did not work", error.message, h("button", { type: "button", class: "button", on: { click: again } }, "Try again"), heading);
}

export function skeletonCards(number = 18) {
  const card = () => h("div", { class: "card" }, h("div", { class: "cover skeleton" }), h("div", { class: "skeleton line" }), h("div", { class: "skeleton line short" }));
  return h("div", { class: "grid", "aria-hidden": "true" }, Array.from({ length: number }, card));
}

/**
 * Fills `holder` by `load()`, which answers nodes; shows `waiting` meanwhile and failures with a way to try again,
 * under an h1 where the page `isWhole`: its own heading comes with what is loaded. Where the server was not reached, it
 * is tried again once it is.
 */
export async function fill(holder, waiting, load, signal, { isWhole = false } = {}) {
  holder.setAttribute("aria-busy", "true");
  holder.replaceChildren(waiting);
  try {
    holder.replaceChildren(...[await load()].flat());
  } catch (error) {
    if (signal.aborted || error.name === "AbortError") return;
    const isOver = new AbortController();
    const again = () => {
      if (isOver.signal.aborted) return;
      isOver.abort();
      if (!signal.aborted) fill(holder, waiting, load, signal, { isWhole });
    };
    if (error.status === 0) onReachable((isReachable) => isReachable && again(), isOver.signal);
    signal.addEventListener("abort", () => isOver.abort());
    holder.replaceChildren(failed(error, again, isWhole ? "h1" : "h2"));
  } finally {
    holder.removeAttribute("aria-busy");
  }
}

/**
 * The same with what `ask()` answers, drawn by `draw(answer)`; and drawn anew, with the focus and the place one has
 * scrolled to kept, where the library changes and the answer with it.
 */
export function fillLive(holder, waiting, ask, draw, signal, options = {}) {
  let shown = "";
  const load = async () => {
    const answer = await ask();
    shown = JSON.stringify(answer);
    return draw(answer);
  };
  const look = async () => {
    const answer = await ask().catch(() => null); // what is shown stays; the next change brings the rest
    const text = JSON.stringify(answer);
    if (!answer || !shown || text === shown || signal.aborted) return;
    shown = text;
    const place = inside(holder).indexOf(document.activeElement);
    holder.replaceChildren(...[draw(answer)].flat());
    inside(holder)[place]?.focus({ preventScroll: true });
  };
  onLive("library", look, signal);
  return fill(holder, waiting, load, signal, options);
}

function inside(holder) {
  return [...holder.querySelectorAll("a, button, [tabindex]")];
}

/** No music: tells how the scan stands, and calls `arrived()` once there may be some. */
export function noMusic(signal, arrived) {
  const words = h("p", { role: "status" }, "Looking at the library…");
  const state = h("div", { class: "empty" }, icon("note"), h("h2", {}, "No music yet"), words);
  let wasScanning = false;
  let timer = 0;
  let turn = 0;
  let isOver = false;
  const look = async (told = null) => {
    clearTimeout(timer);
    if (signal.aborted || isOver) return;
    turn += 1;
    const mine = turn;
    try {
      const scan = told ?? (await api("scan", { signal }));
      if (isOver || mine !== turn) return; // what was told or asked for meanwhile is newer
      const isScanning = scan.state !== "idle";
      words.textContent = isScanning
        ? `Scanning… ${count(scan.files_seen, "file")} so far.`
        : "Put some music into the library's folder, and have it scanned.";
      if (scan.added > 0 || (wasScanning && !isScanning)) {
        isOver = true;
        return void arrived();
      }
      wasScanning = isScanning;
    } catch (error) {
      if (error.name === "AbortError") return;
    }
    clearTimeout(timer);
    timer = setTimeout(look, isLive() ? LIVE_POLL_MS : POLL_MS);
  };
  onLive("scan", look, signal);
  onLive("library", () => look(), signal);
  onLive("state", () => look(), signal);
  look();
  return state;
}
