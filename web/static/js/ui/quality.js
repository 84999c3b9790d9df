// Which quality is heard, and the menu to choose another one.

import { h } from "../dom.js";
import { openMenu } from "./menu.js";
import { QUALITIES } from "../player/quality.js";

const CODECS = { aac: "AAC", flac: "FLAC", original: "Original" };

/** In short for the bar: "Auto · High", "Lossless"; what is in hand is played first, and so a choice may come soon. */
export function qualityWords(player) {
  const chosen = QUALITIES.find((one) => one.name === player.quality);
  const { heard } = player;
  if (!heard) return player.quality === "auto" ? "Auto" : chosen.label;
  if (heard.family === "aac" && player.quality === "lossless" && player.hasLossless) return "Lossless, soon";
  if (heard.family !== "aac") return heard.family === "flac" ? "Lossless" : "Original";
  const name = heard.rank <= 10 ? "Low" : heard.rank <= 20 ? "Normal" : "High"; // a file's own packets stand between
  return player.quality === "auto" ? `Auto · ${name}` : name;
}

/** In full: codec, what it takes, how much is in hand, what the line carries. */
export function heardWords(player) {
  const { heard } = player;
  if (!heard) return "Nothing is playing.";
  const parts = [CODECS[heard.family]];
  if (heard.bps) parts.push(`${Math.round(heard.bps / 1000)} kb/s`);
  parts.push(`${Math.round(heard.bufferedS)} s buffered`);
  if (heard.lineBps) parts.push(`line ${lineWords(heard.lineBps)}`);
  return parts.join(" · ");
}

export function qualityMenu(button, player) {
  const foot = h("div", { class: "menu-foot", role: "presentation" }, heardWords(player));
  const draw = () => (foot.isConnected ? (foot.textContent = heardWords(player)) : player.removeEventListener("progress", draw));
  const entries = QUALITIES.filter((one) => one.name !== "lossless" || player.hasLossless).map((one) => ({
    label: one.label,
    hint: one.hint,
    isChosen: player.quality === one.name,
    act: () => player.setQuality(one.name),
  }));
  openMenu(button, entries, { title: "Quality", foot });
  if (foot.isConnected) player.addEventListener("progress", draw);
}

function lineWords(bps) {
  return bps >= 1e6 ? `${(bps / 1e6).toFixed(bps < 1e7 ? 1 : 0)} Mb/s` : `${Math.round(bps / 1000)} kb/s`;
}
