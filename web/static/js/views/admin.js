// For administrators: how the server is, the library's scan, and the people.

import { api } from "../api.js";
import { h, icon } from "../dom.js";
import { ago, count } from "../format.js";
import { me } from "../session.js";
import { asked, confirmed } from "../ui/dialog.js";
import { loudnessPanel } from "../ui/loudness.js";
import { notice } from "../ui/notices.js";
import { scanPanel } from "../ui/scan.js";
import { empty } from "../ui/states.js";
import { kindOf, verdict } from "./health.js";

const RANKS = [[99, "Everything, originals too"], [80, "Lossless"], [30, "High"], [20, "Normal"], [10, "Low"]];

export function adminView(context, signal) {
  const head = h("header", { class: "head" }, h("h1", {}, "Administration"));
  if (!me.isAdmin) return h("div", {}, head, empty("admin", "Not for you", "Only an administrator may look after the server."));
  const report = problems(signal);
  const panels = [health(signal), listening(signal), scanPanel(signal, report.again), report.element, loudnessPanel(signal), people(signal)];
  return h("div", {}, head, ...panels);
}

/** Whether the server is well, and the way to the page that tells what is not. */
function health(signal) {
  const words = h("p", { class: "grow", role: "status" }, "…");
  const show = async () => {
    try {
      const { rows, state } = await api("health", { signal });
      words.textContent = verdict(rows);
      words.className = `grow verdict state ${kindOf(state)}`;
    } catch (error) {
      if (error.name !== "AbortError") words.textContent = error.message;
    }
  };
  show();
  const link = h("a", { class: "button", href: "/admin/health" }, "Open health");
  return h("section", { class: "panel" }, h("h2", {}, "Health"), h("div", { class: "beside" }, words, link));
}

/** How plays went in the last days, and the way to the page that tells more. */
function listening(signal) {
  const words = h("p", { class: "grow", role: "status" }, "…");
  const show = async () => {
    try {
      const { findings, total } = await api("qoe?days=7", { signal });
      const stopped = total.stalled ? `${count(total.stalled, "play")} of ${total.plays.toLocaleString("en")}` : "None";
      const well = total.plays ? `${stopped} of the last week stopped in the middle.` : "No play was reported in the last week.";
      const worse = findings.filter((one) => one.state !== "ok").map((one) => one.name);
      words.textContent = worse.length ? `Worse than before: ${worse.join(", ").toLowerCase()}.` : well;
      words.className = worse.length ? "grow verdict state so-so" : "grow";
    } catch (error) {
      if (error.name !== "AbortError") words.textContent = error.message;
    }
  };
  show();
  const link = h("a", { class: "button", href: "/admin/listening" }, "Open listening quality");
  return h("section", { class: "panel" }, h("h2", {}, "Listening"), h("div", { class: "beside" }, words, link));
}

/** How many files the scan could not take, and the way to the page that tells which and why. */
function problems(signal) {
  const words = h("p", { class: "grow", role: "status" }, "…");
  const again = async () => {
    try {
      const { total } = await api("scan/report", { signal });
      words.textContent = total ? `${count(total, "file")} could not be taken, or only in part.` : "Every file could be read.";
    } catch (error) {
      if (error.name !== "AbortError") words.textContent = error.message;
    }
  };
  again();
  const link = h("a", { class: "button", href: "/admin/report" }, "Open the report");
  return { again, element: h("section", { class: "panel" }, h("h2", {}, "Scan report"), h("div", { class: "beside" }, words, link)) };
}

function people(signal) {
  const list = h("ul", { class: "rows" });
  const heading = h("h2", { class: "grow", tabindex: "-1" }, "People");
  const again = async () => {
    try {
      const { items } = await api("users", { signal });
      const hadFocus = list.contains(document.activeElement);
      list.replaceChildren(...items.map((user) => person(user, again)));
      if (hadFocus) heading.focus(); // what had it is gone
    } catch (error) {
      if (!signal.aborted) list.replaceChildren(h("li", { class: "soft" }, error.message));
    }
  };
  const add = h("button", { type: "button", class: "button small", on: { click: () => addPerson(again) } }, icon("plus"), "Add somebody");
  again();
  return h("section", { class: "panel" }, h("div", { class: "head" }, heading, add), list);
}

function person(user, again) {
  const change = async (body) => {
    await api(`users/${user.id}`, { method: "PATCH", body }).catch((error) => notice(error.message, { isBad: true }));
    again();
  };
  const remove = async () => {
    if (!(await confirmed(`Remove “${user.name}”?`, "The account and its devices end at once. The music stays.", "Remove"))) return;
    await api(`users/${user.id}`, { method: "DELETE" }).catch((error) => notice(error.message, { isBad: true }));
    again();
  };
  const button = (label, act, kind = "") => h("button", { type: "button", class: `button small ${kind}`, on: { click: act } }, label);
  const rank = RANKS.find(([least]) => user.max_rank >= least)?.[1] ?? "Low";
  return h(
    "li",
    {},
    h("div", { class: "words" }, h("b", { dir: "auto" }, user.name), user.admin && h("i", { class: "pill" }, "Administrator"), h("span", {}, [rank, streamsOf(user), `since ${ago(user.created_at_ms)}`].filter(Boolean).join(" · "))),
    button(user.admin ? "Make a listener" : "Make an administrator", () => change({ admin: !user.admin })),
    button("Streams", () => streamsAtOnce(user, again)),
    button("Password", () => newPassword(user)),
    user.id !== me.id && button("Remove", remove, "danger"),
  );
}

function field(name, label, properties = {}) {
  return [h("label", { for: `field-${name}` }, label), h("input", { id: `field-${name}`, name, required: true, ...properties })];
}

async function addPerson(again) {
  const rank = h("select", { id: "field-rank", name: "max_rank" }, RANKS.map(([value, label]) => h("option", { value: String(value) }, label)));
  const form = h(
    "form",
    {},
    field("name", "Name", { autocomplete: "off", autocapitalize: "none", maxlength: "64" }),
    field("password", "Password", { type: "password", autocomplete: "new-password" }),
    h("label", { for: "field-rank" }, "Best quality"),
    rank,
    h("label", { class: "tick" }, h("input", { type: "checkbox", name: "admin" }), "May look after the server"),
  );
  const send = () => {
    const { name, password } = Object.fromEntries(new FormData(form));
    return api("users", { method: "POST", body: { name, password, admin: form.elements.admin.checked, max_rank: Number(rank.value) } });
  };
  if (await asked("Add somebody", form, send, "Add")) again();
}

function streamsOf(user) {
  if (user.max_streams === null) return "";
  return user.max_streams ? `${count(user.max_streams, "stream")} at once` : "any number of streams";
}

async function streamsAtOnce(user, again) {
  const value = user.max_streams ?? "";
  const note = h("p", { class: "soft" }, "How many devices may play at once. Empty: as many as the settings give everybody. 0: any number.");
  const form = h("form", {}, note, field("streams", "Streams at once", { type: "text", inputmode: "numeric", pattern: "[0-9]{0,4}", autocomplete: "off", value: String(value), required: false }));
  const send = () => {
    const told = form.elements.streams.value;
    return api(`users/${user.id}`, { method: "PATCH", body: { max_streams: told === "" ? null : Number(told) } });
  };
  if (await asked(`Streams of “${user.name}”`, form, send, "Set it")) again();
}

async function newPassword(user) {
  const form = h("form", {}, field("password", "New password", { type: "password", autocomplete: "new-password" }));
  const send = () => api(`users/${user.id}`, { method: "PATCH", body: { password: form.elements.password.value } });
  if (await asked(`A new password for “${user.name}”`, form, send, "Set it")) notice(`“${user.name}” has a new password.`);
}
