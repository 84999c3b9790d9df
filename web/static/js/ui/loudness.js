// How far the measuring of loudness has come: a panel for administrators.

import { api } from "../api.js";
import { h } from "../dom.js";
import { count, span } from "../format.js";

const POLL_MS = 5000;
const QUIET_POLL_MS = 60_000;

/** It goes on for hours or days, so it is no live region: who wants to know reads the line. */
export function loudnessPanel(signal) {
  const words = h("p", {}, "…");
  const inner = h("i");
  const bar = h("div", { class: "progress", role: "progressbar", "aria-label": "Loudness measured", hidden: true }, inner);
  const hint = h("p", { class: "hint", hidden: true });
  let timer = 0;
  const draw = (now) => {
    words.textContent = loudnessWords(now);
    hint.textContent = hintWords(now);
    hint.hidden = !hint.textContent;
    const share = now.total ? (now.measured + now.failed) / now.total : 0;
    bar.hidden = now.state === "off" || now.state === "done";
    bar.setAttribute("aria-valuenow", String(Math.floor(share * 100)));
    inner.style.width = `${share * 100}%`;
  };
  const look = async () => {
    let state = null;
    try {
      const now = await api("loudness", { signal });
      draw(now);
      ({ state } = now);
    } catch (error) {
      if (error.name === "AbortError") return;
      words.textContent = error.message;
    }
    if (state !== "off" && !signal.aborted) timer = setTimeout(look, state === "measuring" ? POLL_MS : QUIET_POLL_MS);
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  look();
  return h("section", { class: "panel loudness" }, h("h2", {}, "Loudness"), words, bar, hint);
}

function loudnessWords({ state, measured, failed, total, remaining_ms }) {
  const number = measured.toLocaleString("en");
  if (state === "off") return measured ? `Measured of ${count(measured, "recording")}, and of no more.` : "Not measured.";
  if (total === 0) return "Nothing to measure yet.";
  if (state === "done") return failed ? `Measured of ${number} of ${count(total, "recording")}.` : `Measured of ${total === 1 ? "the one recording" : `all ${count(total, "recording")}`}.`;
  const left = remaining_ms ? `, ${span(remaining_ms).replaceAll(" ", "\u00a0")} left` : "";
  return `Measured of ${number} of ${count(total, "recording")}${left}`;
}

function hintWords({ state, failed }) {
  const told = [];
  if (failed) told.push(`${count(failed, "recording")} cannot be measured and ${failed === 1 ? "plays as it is" : "play as they are"}.`);
  if (state === "measuring") told.push("Listening and scans come first.");
  if (state === "waiting") told.push("It waits for its hours, or for a disk that is away.");
  if (state === "off") told.push("The server's setting loudness.measure is off.");
  return told.join(" ");
}
