// What is played now and next: drag, or Alt and the arrow keys, to put it in another order.

import { bdi, h, icon, iconButton } from "../dom.js";
import { clock, count, span } from "../format.js";
import { cover } from "../ui/cover.js";
import { say } from "../ui/notices.js";
import { empty } from "../ui/states.js";

const ROW_PX = 58;
const SHOWN_BEFORE = 50; // a queue may hold thousands, and every row costs
const SHOWN_AFTER = 250;
const bars = () => h("span", { class: "bars", "aria-hidden": "true" }, h("i"), h("i"), h("i"));

export function queueView({ player }, signal) {
  const holder = h("div");
  const facts = h("p", { class: "count" });
  const clear = h("button", { type: "button", class: "button small", on: { click: () => player.queue.clearUpcoming() } }, "Clear what is next");
  const state = { dragging: false, rows: new Map() };
  const draw = () => {
    if (state.dragging) return;
    const { queue } = player;
    const next = queue.upcoming;
    const leftMs = next.reduce((sum, entry) => sum + entry.track.duration_ms, 0);
    facts.textContent = next.length ? `${count(next.length, "track")} next, ${span(leftMs)}` : "";
    clear.hidden = !next.length;
    if (!queue.entries.length) {
      holder.replaceChildren(empty("queue", "The queue is empty", "Play an album, or add a track from its menu.", h("a", { class: "button", href: "/albums" }, "All albums")));
      return;
    }
    const focused = focusIn(holder);
    const start = Math.max(0, queue.at - SHOWN_BEFORE);
    const shown = queue.entries.slice(start, queue.at + 1 + SHOWN_AFTER);
    const list = h("ol", { class: "tracks" }, shown.map((entry, n) => row(player, entry, start + n, state, draw)));
    const left = queue.entries.length - start - shown.length;
    const words = (number, where) => number > 0 && h("p", { class: "count outside" }, `${count(number, "track")} more ${where}`);
    holder.replaceChildren(...[words(start, "before"), list, words(left, "after")].filter(Boolean));
    if (focused) giveFocus(list, focused);
  };
  player.queue.addEventListener("change", draw, { signal });
  draw();
  return h("div", {}, h("header", { class: "head" }, h("div", { class: "grow" }, h("h1", {}, "Queue"), facts), clear), holder);
}

/** Which row and which of its buttons has the focus, so that the list drawn anew can give it back. */
function focusIn(holder) {
  const element = document.activeElement?.closest?.(".queue-row");
  if (!element || !holder.contains(element)) return null;
  const at = [...element.parentNode.children].indexOf(element);
  return { key: element.dataset.key, at, control: [...element.querySelectorAll("button")].indexOf(document.activeElement) };
}

/** To the same row; where that is gone, to the one that stands in its place. */
function giveFocus(list, { key, at, control }) {
  const element = list.querySelector(`[data-key="${key}"]`) ?? list.children[Math.min(at, list.children.length - 1)];
  element.querySelectorAll("button")[control]?.focus({ preventScroll: true });
}

function row(player, entry, at, state, draw) {
  const { queue } = player;
  const { track } = entry;
  const isCurrent = at === queue.at;
  const grip = h("button", { type: "button", class: "grip", "aria-label": `Move ${track.title}: Alt and arrow keys`, title: "Drag to move" }, icon("drag"));
  const lead = h(
    "button",
    { type: "button", class: "lead", "aria-label": `Play ${track.title}`, on: { click: () => player.playEntry(entry) } },
    cover(track.cover, track.album?.title || track.title, 48, { isSmall: true }),
    bars(),
    icon("play"),
  );
  const classes = `track with-cover queue-row${isCurrent ? " current" : ""}${at < queue.at ? " played" : ""}${entry.failed ? " missing" : ""}`;
  const element = h(
    "li",
    { class: classes, data: { key: String(entry.key) }, "aria-current": isCurrent && "true" },
    grip,
    lead,
    h("div", { class: "name" }, h("b", { dir: "auto" }, track.title), h("span", {}, entry.failed ? "Cannot be played" : bdi(track.artist ?? ""))),
    h("span", { class: "time" }, clock(track.duration_ms / 1000)),
    iconButton("close", `Remove ${track.title}`, () => player.remove(entry)),
  );
  grip.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || !event.altKey) return;
    event.preventDefault();
    queue.move(entry, queue.entries.indexOf(entry) + step);
    say(`${queue.entries.indexOf(entry) + 1} of ${queue.entries.length}`);
  });
  grip.addEventListener("pointerdown", (event) => drag(event, { grip, element, queue, entry, state, draw }));
  return element;
}

function drag(event, { grip, element, queue, entry, state, draw }) {
  if (event.button > 0) return;
  event.preventDefault();
  grip.focus();
  grip.setPointerCapture(event.pointerId);
  const startY = event.clientY + scrollY;
  const rows = [...element.parentNode.children];
  const from = rows.indexOf(element);
  const offset = queue.entries.indexOf(entry) - from;
  const heightPx = element.offsetHeight || ROW_PX;
  let to = from;
  state.dragging = true;
  element.classList.add("dragging");
  const move = (now) => {
    const byPx = now.clientY + scrollY - startY;
    element.style.transform = `translateY(${byPx}px)`;
    to = Math.min(rows.length - 1, Math.max(0, from + Math.round(byPx / heightPx)));
    rows.forEach((other, n) => {
      if (other === element) return;
      const shift = n > from && n <= to ? -heightPx : n < from && n >= to ? heightPx : 0;
      other.style.transform = shift ? `translateY(${shift}px)` : "";
    });
  };
  const end = () => {
    grip.removeEventListener("pointermove", move);
    state.dragging = false;
    if (to !== from) queue.move(entry, offset + to);
    else draw();
  };
  grip.addEventListener("pointermove", move);
  grip.addEventListener("pointerup", end, { once: true });
  grip.addEventListener("pointercancel", () => ((to = from), end()), { once: true });
}
