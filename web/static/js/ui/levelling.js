// How loud the music is played in this browser: the choice of levelling, the preamp, and what both do to the present track.

import { h, quoting } from "../dom.js";
import { LEVELLINGS, MOST_PREAMP_DB } from "../player/levelling.js";
import { options } from "./options.js";

const MOST = String(MOST_PREAMP_DB);

export function levellingPanel(player, signal) {
  const { leveller } = player;
  const head = h("h2", {}, "Loudness");
  const choice = options("Loudness", "levelling", LEVELLINGS, leveller.levelling, (name) => leveller.setLevelling(name));
  const input = h("input", { id: "preamp", type: "range", min: `-${MOST}`, max: MOST, step: "1" });
  const told = h("output", { for: "preamp" });
  const preamp = h("div", { class: "preamp" }, h("label", { for: "preamp" }, "Preamp"), input, told);
  const now = h("p", { class: "hint present-gain" });
  const switched = h("input", { type: "checkbox", role: "switch", checked: leveller.isNight });
  switched.addEventListener("change", () => leveller.setNight(switched.checked));
  const night = h("div", { class: "options night" }, h("label", {}, switched, "Night mode", h("small", {}, "What is loud goes down, what is soft comes up")));
  input.addEventListener("input", () => leveller.setPreamp(Number(input.value)));
  const draw = () => {
    input.value = String(leveller.preampDb);
    input.setAttribute("aria-valuetext", preampWords(leveller.preampDb));
    told.textContent = decibels(leveller.preampDb);
    preamp.hidden = leveller.levelling === "off";
    now.replaceChildren(...quoting(nowWords(player)));
    now.hidden = !now.textContent;
  };
  leveller.addEventListener("change", draw, { signal });
  player.addEventListener("change", draw, { signal });
  draw();
  const words = "For this browser. Loud recordings are turned down, soft ones up as far as their peaks let them.";
  return h("section", { class: "panel levelling" }, head, h("p", { class: "hint" }, words), choice, preamp, night, now);
}

function nowWords({ leveller, track }) {
  const { heard, isNight } = leveller;
  if (!track || !heard || (heard.way === null && !isNight)) return "";
  if (isNight && !heard.isNight) return `“${track.title}” is not measured yet and plays as by day.`;
  if (heard.way === null) return `“${track.title}” plays as for the night.`;
  if (!heard.isKnown) return `“${track.title}” is not measured yet and plays as it is.`;
  const how = heard.db === 0 ? "plays as it is" : `is turned ${heard.db < 0 ? "down" : "up"} by ${Math.abs(heard.db).toFixed(1)} dB`;
  const why = heard.way === "album" ? "like all of its album" : "by its own loudness";
  return `“${track.title}” ${how}, ${why}${heard.isNight ? ", and plays as for the night" : ""}.`;
}

/** "+3 dB", with a real minus. */
function decibels(db) {
  return `${db > 0 ? "+" : db < 0 ? "−" : ""}${Math.abs(db)} dB`;
}

function preampWords(db) {
  if (db === 0) return "as loud as the server says";
  return `${Math.abs(db)} decibels ${db < 0 ? "softer" : "louder"}`;
}
