// For administrators: the library's scan, what it could not take, and the people.

import { api, query } from "../api.js";
import { h, icon } from "../dom.js";
import { ago, count, span } from "../format.js";
import { me } from "../session.js";
import { asked, confirmed } from "../ui/dialog.js";
import { notice } from "../ui/notices.js";
import { empty } from "../ui/states.js";

const POLL_MS = 1000;
const IDLE_POLL_MS = 5000;
const REASONS = {
  empty: "Empty file",
  truncated: "Cut short",
  "not-audio": "No audio",
  damaged: "Damaged",
  unreadable: "Cannot be read",
  crashed: "Crashes its decoder",
  "wrong-extension": "Wrong extension",
  "name-not-utf8": "Name is not UTF-8",
  "symlink-loop": "Link in a circle",
  "not-a-file": "Not a file",
};
const RANKS = [[99, "Everything, originals too"], [80, "Lossless"], [30, "High"], [20, "Normal"], [10, "Low"]];

export function adminView(context, signal) {
  const head = h("header", { class: "head" }, h("h1", {}, "Administration"));
  if (!me.isAdmin) return h("div", {}, head, empty("admin", "Not for you", "Only an administrator may look after the server."));
  const report = problems(signal);
  return h("div", {}, head, scan(signal, report.again), report.element, people(signal));
}

function scan(signal, finished) {
  const words = h("p", { role: "status" }, "…");
  const inner = h("i");
  const bar = h("div", { class: "progress", role: "progressbar", "aria-label": "Scan", hidden: true }, inner);
  const figures = h("dl", { class: "figures" });
  const start = h("button", { type: "button", class: "button primary" }, "Scan now");
  let wasScanning = false;
  let timer = 0;
  const draw = (now) => {
    const isScanning = now.state !== "idle";
    start.disabled = isScanning;
    const [last, total] = [now.last ?? now, now.files_to_read ?? 0];
    const share = total > 0 ? Math.min(1, now.files_read / total) : null;
    bar.hidden = !isScanning;
    bar.classList.toggle("unknown", share === null);
    if (share === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(Math.round(share * 100)));
    inner.style.width = share === null ? "" : `${share * 100}%`;
    words.textContent = isScanning ? scanWords(now) : now.message || (last.finished_at_ms ? `Last scanned ${ago(last.finished_at_ms)}.` : "Not scanned yet.");
    const shown = isScanning ? now : { ...now, ...last };
    const figure = (label, value) => h("div", {}, h("dt", {}, label), h("dd", {}, (value ?? 0).toLocaleString("en")));
    figures.replaceChildren(figure("Files", shown.files_seen), figure("New", shown.added), figure("Changed", shown.changed), figure("Missing", shown.missing), figure("Problems", shown.problems));
    if (wasScanning && !isScanning) finished();
    wasScanning = isScanning;
  };
  const look = async () => {
    clearTimeout(timer);
    if (signal.aborted) return;
    try {
      draw(await api("scan", { signal }));
    } catch (error) {
      if (error.name === "AbortError") return;
      words.textContent = error.message;
    }
    timer = setTimeout(look, wasScanning ? POLL_MS : IDLE_POLL_MS);
  };
  start.addEventListener("click", async () => {
    try {
      draw(await api("scan", { method: "POST" }));
      look();
    } catch (error) {
      notice(error.message, { isBad: true });
    }
  });
  signal.addEventListener("abort", () => clearTimeout(timer));
  look();
  return h("section", { class: "panel" }, h("h2", {}, "Library"), words, bar, figures, start);
}

function scanWords(now) {
  const rate = now.files_per_s > 0 ? `, ${Math.round(now.files_per_s)} files/s` : "";
  const left = now.remaining_ms ? `, ${span(now.remaining_ms)} left` : "";
  const read = now.files_to_read ? `${now.files_read.toLocaleString("en")} of ${count(now.files_to_read, "file")} read` : count(now.files_seen, "file");
  return `Scanning: ${read}${rate}${left}`;
}

function problems(signal) {
  const body = h("ul", { class: "rows problems", "aria-label": "Files that the scan could not take" });
  const none = h("p", { class: "soft" }, "Every file could be read.");
  const more = h("button", { type: "button", class: "button small", hidden: true }, "Show more");
  const reason = h("select", { "aria-label": "Which reason" }, h("option", { value: "" }, "All reasons"), Object.entries(REASONS).map(([name, label]) => h("option", { value: name }, label)));
  let cursor = null;
  const load = async () => {
    try {
      const page = await api(query("scan/problems", { reason: reason.value, cursor, limit: 50 }), { signal });
      body.append(...page.items.map((one) => h("li", {}, h("div", { class: "words" }, h("b", {}, one.path), h("span", {}, one.detail)), h("span", { class: "badge" }, REASONS[one.reason] ?? one.reason))));
      cursor = page.next;
      more.hidden = !cursor;
      none.hidden = body.children.length > 0;
      none.textContent = reason.value ? "None for this reason." : "Every file could be read.";
    } catch (error) {
      if (error.name !== "AbortError") notice(error.message, { isBad: true });
    }
  };
  const again = () => {
    body.replaceChildren();
    cursor = null;
    load();
  };
  reason.addEventListener("change", again);
  more.addEventListener("click", load);
  again();
  const head = h("div", { class: "head" }, h("h2", { class: "grow" }, "Scan report"), h("div", { class: "sort" }, reason));
  return { again, element: h("section", { class: "panel" }, head, none, body, more) };
}

function people(signal) {
  const list = h("ul", { class: "rows" });
  const again = async () => {
    try {
      const { items } = await api("users", { signal });
      list.replaceChildren(...items.map((user) => person(user, again)));
    } catch (error) {
      if (!signal.aborted) list.replaceChildren(h("li", { class: "soft" }, error.message));
    }
  };
  const add = h("button", { type: "button", class: "button small", on: { click: () => addPerson(again) } }, icon("plus"), "Add somebody");
  again();
  return h("section", { class: "panel" }, h("div", { class: "head" }, h("h2", { class: "grow" }, "People"), add), list);
}

function person(user, again) {
  const change = async (body) => {
    await api(`users/${user.id}`, { method: "PATCH", body }).catch((error) => notice(error.message, { isBad: true }));
    again();
  };
  const remove = async () => {
    if (!(await confirmed(`Remove ${user.name}?`, "The account and its devices end at once. The music stays.", "Remove"))) return;
    await api(`users/${user.id}`, { method: "DELETE" }).catch((error) => notice(error.message, { isBad: true }));
    again();
  };
  const button = (label, act, kind = "") => h("button", { type: "button", class: `button small ${kind}`, on: { click: act } }, label);
  const rank = RANKS.find(([least]) => user.max_rank >= least)?.[1] ?? "Low";
  return h(
    "li",
    {},
    h("div", { class: "words" }, h("b", {}, user.name), user.admin && h("i", { class: "pill" }, "Administrator"), h("span", {}, `${rank} · since ${ago(user.created_at_ms)}`)),
    button(user.admin ? "Make a listener" : "Make an administrator", () => change({ admin: !user.admin })),
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

async function newPassword(user) {
  const form = h("form", {}, field("password", "New password", { type: "password", autocomplete: "new-password" }));
  const send = () => api(`users/${user.id}`, { method: "PATCH", body: { password: form.elements.password.value } });
  if (await asked(`A new password for ${user.name}`, form, send, "Set it")) notice(`${user.name} has a new password.`);
}
