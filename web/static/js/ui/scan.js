// The scan: how it stands, starting one and cancelling it.

import { api } from "../api.js";
import { h } from "../dom.js";
import { ago, count, span } from "../format.js";
import { isLive, onLive } from "../live.js";
import { notice } from "./notices.js";

const POLL_MS = 1000;
const IDLE_POLL_MS = 5000;
const LIVE_POLL_MS = 60_000;

/** How the scan stands, with its buttons; `finished()` is called whenever one has ended. */
export function scanPanel(signal, finished) {
  const words = h("p", { role: "status" }, "…");
  const inner = h("i");
  const bar = h("div", { class: "progress", role: "progressbar", "aria-label": "Scan", hidden: true }, inner);
  const figures = h("dl", { class: "figures" });
  const start = h("button", { type: "button", class: "button primary" }, "Scan now");
  const stop = h("button", { type: "button", class: "button", hidden: true }, "Cancel the scan");
  let wasScanning = false;
  let wasPressed = false;
  let timer = 0;
  let told = 0; // how often the server has told by itself
  const draw = (now) => {
    const isScanning = now.state !== "idle";
    start.disabled = isScanning;
    if (stop.hidden === isScanning) {
      const holder = document.activeElement;
      const hadFocus = holder === stop || (wasPressed && holder === document.body);
      wasPressed = false;
      stop.hidden = !isScanning;
      stop.disabled = false;
      if (hadFocus && !isScanning) start.focus();
    }
    const [last, total] = [now.last ?? now, now.files_to_read ?? 0];
    const share = total > 0 ? Math.min(1, now.files_read / total) : null;
    bar.hidden = !isScanning;
    bar.classList.toggle("unknown", share === null);
    if (share === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    inner.style.width = share === null ? "" : `${share * 100}%`;
    words.textContent = isScanning ? scanWords(now) : now.message || lastWords(last);
    const shown = isScanning ? now : { ...now, ...last };
    const figure = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, (value ?? 0).toLocaleString("en")));
    figures.replaceChildren(figure("Files", shown.files_seen), figure("New", shown.added), figure("Changed", shown.changed), figure("Missing", shown.missing), figure("Problems", shown.problems));
    if (wasScanning && !isScanning) finished();
    wasScanning = isScanning;
  };
  // What was told while an answer was on its way is newer than the answer, which may come after the end of the scan.
  const ask = async (options = { signal }) => {
    const before = told;
    const answer = await api("scan", options);
    if (told === before) draw(answer);
  };
  const look = async () => {
    clearTimeout(timer);
    if (signal.aborted) return;
    try {
      await ask();
    } catch (error) {
      if (error.name === "AbortError") return;
      words.textContent = error.message;
    }
    clearTimeout(timer);
    timer = setTimeout(look, isLive() ? LIVE_POLL_MS : wasScanning ? POLL_MS : IDLE_POLL_MS);
  };
  onLive("scan", (now) => {
    if (!now) return void look();
    told += 1;
    draw(now);
  }, signal);
  onLive("state", look, signal);
  start.addEventListener("click", async () => {
    try {
      await ask({ method: "POST" });
      look();
    } catch (error) {
      notice(error.message, { isBad: true });
    }
  });
  stop.addEventListener("click", async () => {
    wasPressed = document.activeElement === stop; // what is disabled loses the focus, sooner or later
    stop.disabled = true;
    try {
      await ask({ method: "DELETE" });
      look();
    } catch (error) {
      stop.disabled = false;
      notice(error.message, { isBad: true });
    }
  });
  signal.addEventListener("abort", () => clearTimeout(timer));
  look();
  return h("section", { class: "panel" }, h("h2", {}, "Library"), words, bar, figures, h("div", { class: "buttons" }, start, stop));
}

function lastWords(last) {
  if (!last.finished_at_ms) return "Not scanned yet.";
  if (last.outcome === "cancelled") return `Cancelled ${ago(last.finished_at_ms)}. The next scan goes on from there.`;
  if (last.outcome === "stopped") return `Broken off ${ago(last.finished_at_ms)}. The next scan goes on from there.`;
  return `Last scanned ${ago(last.finished_at_ms)}. What has come since is in the library, and not in these figures.`;
}

function scanWords(now) {
  const rate = now.files_per_s > 0 ? `, ${Math.round(now.files_per_s)} files/s` : "";
  const left = now.remaining_ms ? `, ${span(now.remaining_ms)} left` : "";
  const read = now.files_to_read ? `${now.files_read.toLocaleString("en")} of ${count(now.files_to_read, "file")} read` : count(now.files_seen, "file");
  return `Scanning: ${read}${rate}${left}`;
}
