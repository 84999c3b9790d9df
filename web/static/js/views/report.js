// What scans could not take: by reason, library and folder, each with what it means and what mends it.

import { api, query } from "../api.js";
import { bdi, h, icon, iconButton, pathWords } from "../dom.js";
import { ago, count } from "../format.js";
import { me } from "../session.js";
import { command, copy } from "../ui/command.js";
import { paged } from "../ui/paging.js";
import { scanPanel } from "../ui/scan.js";
import { empty, failed } from "../ui/states.js";

/** Reason -> [name, what it means, what mends it]. */
const REASONS = {
  empty: ["Empty file", "The file has no bytes. A copy or download was probably broken off.", "Copy it again, or delete it."],
  truncated: ["Cut short", "The file ends before its sound does. What is there is in the library and plays.", "Replace it by a whole copy."],
  "not-audio": ["No audio", "There is nothing in the file that could be played.", "Delete it, or rename it if it is something else."],
  damaged: ["Damaged", "The structure of the file is broken, so that it cannot be read.", "Replace it by a sound copy; some tag editors can repair it."],
  unreadable: ["Cannot be read", "The server may not read it, or the disk failed while it tried.", "Let the server's user read it, or check the disk. Each scan tries it again."],
  crashed: ["Crashes its decoder", "A decoder crashed on the file or took too long, and was ended. Nothing else was harmed.", "Convert the file anew, or delete it."],
  unplayable: ["Cannot be played", "Its tags are in the library, but nothing of its sound can be decoded: it is broken, protected, or of a kind that is not known here.", "Replace it by a sound copy, or convert it."],
  "wrong-extension": ["Wrong extension", "It is audio, but of another kind than its name says. It is in the library and plays.", "Rename it, so that other players know it too."],
  "bad-sheet": ["Bad cue sheet", "A cue sheet, beside the file or in its tags, cannot be what it says. The file is one track.", "Mend the sheet: the report says what is wrong. Or delete it."],
  "name-not-utf8": ["Name is no text", "The name holds bytes that are no UTF-8. It was probably made on an old system.", "Rename it."],
  "symlink-loop": ["Link in a circle", "The link leads to a folder that was looked through already, or nowhere.", "Remove the link if you do not need it."],
  "not-a-file": ["Not a file", "A pipe, socket or device bears the name of a music file.", "Remove it if you do not need it."],
};
const MODES = {
  off: "Not watched: scans alone notice changes",
  starting: "The watches are being set",
  watching: "Watched: changes show within two seconds",
  polling: "Looked through about every minute",
  away: "Away",
};
const nameOf = (reason) => REASONS[reason]?.[0] ?? reason;

export function reportView({ go }, signal) {
  const back = h("a", { class: "back", href: "/admin" }, icon("back"), "Administration");
  const head = h("header", { class: "head" }, h("div", { class: "grow" }, h("h1", {}, "Scan report"), back));
  if (!me.isAdmin) return h("div", {}, head, empty("admin", "Not for you", "Only an administrator may look after the server."));
  const asked = new URLSearchParams(location.search);
  const chosen = { reason: asked.get("reason") ?? "", library: asked.get("library") ?? "", folder: asked.get("folder") ?? "" };
  const folders = h("ul", { class: "rows watched", "aria-label": "Folders of music" });
  const chips = h("div", { class: "reasons", role: "group", "aria-label": "Reasons" });
  const library = h("select", { "aria-label": "Which folder of music" });
  const holder = h("div", {});
  const heading = h("h2", { class: "grow", tabindex: "-1" }, "Files");
  let leaving = new AbortController();

  const choose = (change) => {
    Object.assign(chosen, change);
    go(query("/admin/report", chosen), { replace: true });
    draw();
  };
  const draw = async () => {
    leaving.abort();
    leaving = new AbortController();
    const now = AbortSignal.any([signal, leaving.signal]);
    try {
      const report = await api("scan/report", { signal: now });
      folders.replaceChildren(...report.folders.map(watchRow));
      const hadFocus = chips.contains(document.activeElement);
      chips.replaceChildren(...reasonChips(report, chosen, choose));
      if (hadFocus) chips.querySelector('[aria-pressed="true"]')?.focus();
      drawLibraries(library, report, chosen);
      await list(holder, heading, report, chosen, choose, now);
    } catch (error) {
      if (!now.aborted && error.name !== "AbortError") holder.replaceChildren(failed(error, draw));
    }
  };
  library.addEventListener("change", () => choose({ library: library.value, folder: "" }));
  draw();
  const filters = h("div", { class: "head" }, heading, h("div", { class: "sort" }, library));
  return h(
    "div",
    { class: "report" },
    head,
    scanPanel(signal, draw),
    h("section", { class: "panel" }, h("h2", {}, "Folders"), folders),
    h("section", { class: "panel" }, filters, chips, holder),
  );
}

function watchRow(one) {
  const isWell = one.mode === "watching" && !one.message;
  const state = h("span", { class: `state ${one.mode === "away" ? "bad" : isWell ? "good" : "so-so"}` }, MODES[one.mode] ?? one.mode, one.watched > 0 && ` · ${count(one.watched, "folder")}`);
  const remedy = one.remedy && (one.remedy.includes("sysctl") ? command(one.remedy) : h("span", {}, one.remedy));
  return h("li", {}, h("div", { class: "words" }, h("b", {}, pathWords(one.path)), state, one.message && h("span", {}, one.message), remedy));
}

function reasonChips(report, chosen, choose) {
  const counts = new Map();
  for (const one of report.problems) {
    if (chosen.library && String(one.library_id) !== chosen.library) continue;
    counts.set(one.reason, (counts.get(one.reason) ?? 0) + one.count);
  }
  const total = [...counts.values()].reduce((sum, number) => sum + number, 0);
  if (chosen.reason && !counts.has(chosen.reason)) counts.set(chosen.reason, 0);
  const chip = (reason, label, number) => {
    const isOn = chosen.reason === reason;
    return h("button", { type: "button", class: "reason", "aria-pressed": String(isOn), on: { click: () => choose({ reason }) } }, label, h("b", {}, number.toLocaleString("en")));
  };
  if (!total && !chosen.reason) return [];
  const sorted = [...counts].sort((one, other) => other[1] - one[1]);
  return [chip("", "All", total), ...sorted.map(([reason, number]) => chip(reason, nameOf(reason), number))];
}

function drawLibraries(select, report, chosen) {
  const known = new Map(report.problems.map((one) => [String(one.library_id), one.library]));
  select.parentElement.hidden = known.size < 2;
  select.replaceChildren(h("option", { value: "" }, "All folders"), ...[...known].map(([id, path]) => h("option", { value: id }, path)));
  select.value = known.has(chosen.library) ? chosen.library : "";
}

async function list(holder, heading, report, chosen, choose, signal) {
  const rows = h("ul", { class: "rows problems", "aria-label": "Files that the scan could not take" });
  const { page, end } = await paged("scan/problems", { ...chosen }, rows, (one) => problemRow(one, choose), signal, { limit: 50 });
  const above = [];
  if (chosen.folder) {
    const clear = h("button", { type: "button", class: "button small", on: { click: () => choose({ folder: "" }) } }, icon("close"), "All folders");
    above.push(h("p", { class: "chosen" }, h("span", {}, "In ", h("b", {}, chosen.folder)), clear));
  }
  if (chosen.reason && REASONS[chosen.reason]) above.push(h("p", { class: "hint" }, REASONS[chosen.reason][1], " ", REASONS[chosen.reason][2]));
  if (!page.items.length) {
    const isAny = report.total > 0;
    above.push(h("p", { class: "soft well", role: "status" }, isAny ? "Nothing like this." : "Every file could be read."));
  }
  holder.replaceChildren(...above, rows, end);
  heading.textContent = report.total ? count(report.total, "file") : "Files";
}

function problemRow(one, choose) {
  const slash = one.path.lastIndexOf("/");
  const [folder, name] = [one.path.slice(0, Math.max(0, slash)), one.path.slice(slash + 1)];
  const [label, meaning, remedy] = REASONS[one.reason] ?? [one.reason, "", ""];
  const full = `${one.library.replace(/\/$/, "")}/${one.path}`;
  const parts = [
    h("b", {}, bdi(name)),
    folder && h("button", { type: "button", class: "folder", title: "Only this folder", "aria-label": `Only the folder ${folder}`, on: { click: () => choose({ folder, reason: "" }) } }, pathWords(folder)),
    h("span", {}, `${one.detail[0]?.toUpperCase() ?? ""}${one.detail.slice(1)} · ${ago(one.seen_at_ms)}`),
    h("details", {}, h("summary", {}, "What to do"), h("p", {}, meaning, " ", remedy)),
    one.album && h("a", { class: "album", href: `/albums/${one.album.id}` }, icon("albums"), bdi(one.album.title)),
  ];
  return h("li", {}, h("div", { class: "words" }, parts), h("span", { class: "badge" }, label), iconButton("copy", `Copy the path of ${name}`, () => copy(full)));
}
