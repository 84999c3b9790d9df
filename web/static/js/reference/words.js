// Text of the document as elements: paragraphs, `code`, coloured JSON, blocks that can be copied.

import { h } from "../dom.js";
import { copyShown } from "../ui/clipboard.js";

/** A line of text in which `this` is code. */
export function line(text) {
  return text.split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part));
}

export function paragraphs(text) {
  return text.trim().split(/\n\n+/).map((part) => h("p", {}, line(part.replaceAll("\n", " "))));
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|(-?\d+(?:\.\d+)?)/g;

/** JSON as one reads it, its names and values told apart by colour. */
export function json(value) {
  const text = layout(value, "");
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    parts.push(text.slice(at, match.index));
    const kind = match[2] !== undefined ? "name" : match[1] ? "text" : "value";
    parts.push(h("span", { class: `json-${kind}` }, match[1] ?? match[0]), match[2] ?? "");
    at = match.index + match[0].length;
  }
  return [...parts, text.slice(at)];
}

/** Like JSON.stringify(value, null, 2), but what is short stands in one line. */
function layout(value, indent) {
  const flat = JSON.stringify(value);
  if (value === null || typeof value !== "object" || flat.length + indent.length < 44) return spaced(flat, value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) return `[\n${value.map((one) => inner + layout(one, inner)).join(",\n")}\n${indent}]`;
  const lines = Object.entries(value).map(([name, one]) => `${inner}${JSON.stringify(name)}: ${layout(one, inner)}`);
  return `{\n${lines.join(",\n")}\n${indent}}`;
}

function spaced(flat, value) {
  if (value === null || typeof value !== "object") return flat;
  if (Array.isArray(value)) return `[${value.map((one) => spaced(JSON.stringify(one), one)).join(", ")}]`;
  return `{${Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${spaced(JSON.stringify(one), one)}`).join(", ")}}`;
}

/** A block of code under a small title, with a button that copies it. */
export function block(title, ...content) {
  const code = h("code", {}, ...content);
  const button = h("button", { type: "button", class: "copy", "aria-label": `Copy: ${title}` }, "Copy");
  button.addEventListener("click", () => {
    button.textContent = copyShown(code) ? "Copied" : "Selected";
    setTimeout(() => (button.textContent = "Copy"), 1600);
  });
  const body = h("pre", { tabindex: "0", "aria-label": title }, code);
  return h("figure", { class: "block" }, h("figcaption", {}, h("span", {}, title), button), body);
}
