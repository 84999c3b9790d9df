// Radio buttons as cards.

import { h } from "../dom.js";

/** `entries` are {name, label, hint?}; `choose(name)` is called when another one is chosen. */
export function options(title, name, entries, chosen, choose) {
  const one = (entry) => {
    const input = h("input", { type: "radio", name, value: entry.name, checked: entry.name === chosen });
    input.addEventListener("change", () => choose(entry.name));
    return h("label", {}, input, entry.label, entry.hint && h("small", {}, entry.hint));
  };
  return h("fieldset", { class: "options" }, h("legend", { class: "visually-hidden" }, title), entries.map(one));
}
