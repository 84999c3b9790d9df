// How well listening goes, for administrators: in figures, by day, player and network, and the last plays that were bad.

import { api, query } from "../api.js";
import { bdi, h, icon } from "../dom.js";
import { ago, count } from "../format.js";
import { me } from "../session.js";
import { clientWords } from "../ui/clients.js";
import { empty, fill } from "../ui/states.js";

const SPANS = [[1, "Day"], [7, "Week"], [14, "Two weeks"], [30, "30 days"], [90, "90 days"]];
const USUAL_DAYS = 14;
const NETWORKS = { ethernet: "Cable", wifi: "Wi-Fi", cellular: "Mobile network", other: "Other networks", unknown: "Not told" };
const ERRORS = {
  line: "the line was gone",
  refused: "the server gave no more",
  gone: "the track is no longer there",
  damaged: "the sound is damaged",
  unsupported: "the player has no codec for it",
  "gave-up": "no sound came, and the listener went on",
  other: "for another reason",
};
const SLOW_MS = 3000;
const FIRST_BAD = 8;

export function qualityView({ go }, signal) {
  const back = h("a", { class: "back", href: "/admin" }, icon("back"), "Administration");
  const head = h("header", { class: "head" }, h("div", { class: "grow" }, h("h1", {}, "Listening quality"), back));
  if (!me.isAdmin) return h("div", {}, head, empty("admin", "Not for you", "Only an administrator may look after the server."));
  const asked = Number(new URLSearchParams(location.search).get("days"));
  const days = SPANS.some(([number]) => number === asked) ? asked : USUAL_DAYS;
  const choice = h("select", { id: "quality-days" }, SPANS.map(([number, label]) => h("option", { value: String(number), selected: number === days }, label)));
  const holder = h("div", {});
  const show = () => fill(holder, h("p", { class: "soft", role: "status" }, "…"), async () => draw(await api(query("qoe", { days: choice.value }), { signal })), signal);
  choice.addEventListener("change", () => {
    go(query("/admin/listening", { days: choice.value }), { replace: true });
    show();
  });
  show();
  const sort = h("div", { class: "sort" }, h("label", { for: "quality-days" }, "The last"), choice);
  return h("div", { class: "quality-view" }, head, sort, holder);
}

function draw({ findings, total, by_day: days, by_player: players, by_network: networks, bad }) {
  const state = h("section", { class: "panel" }, h("h2", {}, "How it goes"), h("ul", { class: "rows watched" }, findings.map(finding)), total.plays > 0 && figures(total));
  if (!total.plays) return [state, empty("note", "No play was reported", "The page reports what is played on it a few minutes later; other players may do so by the API.")];
  return [
    state,
    table("By day", "Day", days.map((one) => [dayWords(one.date), one])),
    table("By player", "Player", players.map((one) => [bdi(one.player), one])),
    table("By network", "Network", networks.map((one) => [NETWORKS[one.network] ?? one.network, one])),
    bad.length > 0 && badPlays(bad),
  ].filter(Boolean);
}

function finding({ name, state, message, remedy }) {
  const isWell = state === "ok";
  const said = message[0].toUpperCase() + message.slice(1);
  return h("li", {}, h("div", { class: "words" }, h("b", { class: `state ${isWell ? "good" : "so-so"}` }, isWell ? said : name), !isWell && h("span", {}, said), remedy && h("span", { class: "remedy" }, remedy)));
}

function figures(total) {
  const figure = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, value));
  return h(
    "dl",
    { class: "figures" },
    figure("Plays", total.plays.toLocaleString("en")),
    figure("First sound", seconds(total.first_sound_median_ms)),
    figure("19 of 20 within", seconds(total.first_sound_p95_ms)),
    figure("Plays that stopped", share(total.stalled, total.plays)),
    figure("Stopped per hour", `${total.stalled_s_per_h.toLocaleString("en", { maximumFractionDigits: 1 })} s`),
    figure("Failed", total.failed.toLocaleString("en")),
    figure("Changes of quality", total.switches.toLocaleString("en")),
    figure("Bit rate", rate(total.bitrate_bps)),
  );
}

function table(title, first, rows) {
  const id = `quality-${first.toLowerCase()}`;
  const head = h("tr", {}, [first, "Plays", "First sound", "19 of 20", "Stopped", "Bit rate"].map((text) => h("th", { scope: "col" }, text)));
  const body = rows.map(([name, one]) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      [one.plays.toLocaleString("en"), seconds(one.first_sound_median_ms), seconds(one.first_sound_p95_ms)].map((text) => h("td", {}, text)),
      h("td", { class: one.stalled ? "bad" : null }, share(one.stalled, one.plays)),
      h("td", {}, rate(one.bitrate_bps)),
    ),
  );
  return h("section", { class: "panel" }, h("h2", { id }, title), h("table", { class: "counted", "aria-labelledby": id }, h("thead", {}, head), h("tbody", {}, body)));
}

function badPlays(bad) {
  const list = h("ul", { class: "rows", "aria-label": "Plays that were not good" }, bad.slice(0, FIRST_BAD).map(badPlay));
  const more = bad.length > FIRST_BAD && h("button", { type: "button", class: "button small" }, `Show ${bad.length - FIRST_BAD} more`);
  if (more) {
    more.addEventListener("click", () => {
      const rest = bad.slice(FIRST_BAD).map(badPlay);
      list.append(...rest);
      more.remove();
      rest[0].tabIndex = -1; // one reads on where the button was
      rest[0].focus();
    });
  }
  return h("section", { class: "panel" }, h("h2", {}, "Plays that were not good"), h("p", { class: "hint" }, "The last of them: they stopped, failed, or began late."), list, more);
}

function badPlay(one) {
  const why = [
    one.error && `Failed: ${ERRORS[one.error] ?? one.error}`,
    one.stalls > 0 && `Stopped ${one.stalls === 1 ? "once" : count(one.stalls, "time")}, for ${seconds(one.stalled_ms)}`,
    one.first_sound_ms >= SLOW_MS && `${one.followed ? "Silent" : "No sound"} for ${seconds(one.first_sound_ms)} at first`,
  ].filter(Boolean);
  const facts = [
    one.bitrate_bps && `${one.family.toUpperCase()} ${rate(one.bitrate_bps)}`,
    one.buffered_ms !== null && `${seconds(one.buffered_ms)} in hand`,
    one.line_bps && `a line of ${rate(one.line_bps)}`,
    one.network !== "unknown" && NETWORKS[one.network],
  ].filter(Boolean);
  const who = [bdi(one.person), " · ", bdi(one.device ? clientWords(one.device) : "a device that is signed out"), ` · ${ago(one.started_at_ms)}`];
  const name = one.title === null ? "A track that is no longer there" : [bdi(one.title), one.artist && [" – ", bdi(one.artist)]];
  return h(
    "li",
    {},
    h("div", { class: "words" }, h("b", {}, name), h("span", { class: "why" }, `${why.join(". ")}.`), h("span", {}, who), h("span", {}, bdi(one.player), facts.length > 0 && ` · ${facts.join(", ")}`)),
  );
}

function seconds(ms) {
  if (ms === null) return "–";
  const digits = ms < 1000 ? 2 : ms < 60_000 ? 1 : 0;
  return `${(ms / 1000).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })} s`;
}

function share(part, whole) {
  if (!part) return "none";
  return (part / whole).toLocaleString("en", { style: "percent", maximumFractionDigits: part / whole < 0.1 ? 1 : 0 });
}

function rate(bps) {
  if (bps === null) return "–";
  return bps < 1e6 ? `${Math.round(bps / 1000)} kb/s` : `${(bps / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} Mb/s`;
}

function dayWords(date) {
  return new Date(`${date}T12:00`).toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short" });
}
