// How the server is: what is wrong first, each with what mends it, and below it what is well.

import { api } from "../api.js";
import { h, icon } from "../dom.js";
import { count } from "../format.js";
import { me } from "../session.js";
import { command } from "../ui/command.js";
import { empty, failed } from "../ui/states.js";

const AGAIN_MS = 30_000;
const STATES = { ok: ["good", "Well"], warning: ["so-so", "Warning"], bad: ["bad", "Fault"] };

export function healthView(context, signal) {
  const back = h("a", { class: "back", href: "/admin" }, icon("back"), "Administration");
  const head = h("header", { class: "head" }, h("div", { class: "grow" }, h("h1", {}, "Health"), back));
  if (!me.isAdmin) return h("div", {}, head, empty("admin", "Not for you", "Only an administrator may look after the server."));
  const words = h("p", { class: "grow verdict", role: "status" }, "…");
  const holder = h("div", {});
  const again = h("button", { type: "button", class: "button small" }, "Look again");
  let timer = 0;
  const look = async () => {
    clearTimeout(timer);
    try {
      const health = await api("health", { signal });
      if (!signal.aborted) draw(words, holder, health);
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      words.textContent = "";
      holder.replaceChildren(failed(error, look));
    }
    clearTimeout(timer); // of another look that was asked for meanwhile
    if (!signal.aborted) timer = setTimeout(() => (document.hidden ? wait() : look()), AGAIN_MS);
  };
  const wait = () => document.addEventListener("visibilitychange", look, { once: true, signal });
  again.addEventListener("click", look);
  signal.addEventListener("abort", () => clearTimeout(timer));
  look();
  return h("div", { class: "health" }, head, h("section", { class: "panel" }, h("div", { class: "beside" }, words, again)), holder);
}

/** The class of a state. */
export function kindOf(state) {
  return STATES[state][0];
}

/** "All is well.", or how much is not. */
export function verdict(rows) {
  const number = (state) => rows.filter((row) => row.state === state).length;
  const parts = [number("bad") && count(number("bad"), "fault"), number("warning") && count(number("warning"), "warning")].filter(Boolean);
  return parts.length ? `${parts.join(" and ")}.` : "All is well.";
}

function draw(words, holder, health) {
  const text = verdict(health.rows);
  if (words.textContent !== text) words.textContent = text;
  words.className = `grow verdict state ${kindOf(health.state)}`;
  const focused = holder.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  const wrong = [...health.rows.filter((row) => row.state === "bad"), ...health.rows.filter((row) => row.state === "warning")];
  const well = health.rows.filter((row) => row.state === "ok");
  const section = (title, rows) => rows.length && h("section", { class: "panel" }, h("h2", {}, title), h("ul", { class: "rows watched", "aria-label": title }, rows.map(rowOf)));
  holder.replaceChildren(...[section("To look after", wrong), section("Well", well)].filter(Boolean));
  if (focused) holder.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}

function rowOf(row) {
  const [kind, label] = STATES[row.state];
  const said = row.message[0].toUpperCase() + row.message.slice(1);
  const state = row.state !== "ok" && h("span", { class: `state ${kind}` }, label);
  const remedy = row.remedy && (row.is_command ? command(row.remedy, `Copy the command for ${row.name}`) : h("span", { class: "remedy" }, row.remedy));
  return h("li", {}, h("div", { class: "words" }, h("b", {}, row.name), state, h("span", {}, said), remedy));
}
