// How far the measuring of loudness has come: a line for administrators.

import { api } from "../api.js";
import { h } from "../dom.js";
import { count, span } from "../format.js";

const POLL_MS = 5000;

export function loudnessLine(signal) {
  const words = h("p", { class: "hint", role: "status" }, "…");
  let timer = 0;
  const look = async () => {
    try {
      const now = await api("loudness", { signal });
      words.textContent = loudnessWords(now);
      if (now.state === "measuring" || now.state === "waiting") timer = setTimeout(look, POLL_MS);
    } catch (error) {
      if (error.name !== "AbortError") words.textContent = error.message;
    }
  };
  signal.addEventListener("abort", () => clearTimeout(timer));
  look();
  return words;
}

function loudnessWords({ state, measured, failed, total, remaining_ms }) {
  if (state === "off") return "Loudness is not measured: loudness.measure is off.";
  const rest = failed ? ` ${count(failed, "track")} could not be measured.` : "";
  if (state === "done") return `Loudness: ${count(measured, "track")} measured.${rest}`;
  const left = remaining_ms ? `, ${span(remaining_ms)} left` : "";
  const waits = state === "waiting" ? " It goes on at its time." : "";
  return `Loudness: ${measured.toLocaleString("en")} of ${count(total, "track")} measured${left}.${waits}${rest}`;
}
