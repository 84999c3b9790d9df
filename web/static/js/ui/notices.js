// Short words that pass by, read aloud by screen readers.

import { h } from "../dom.js";

const SHOWN_MS = 5000;

export function notice(text, { isBad = false } = {}) {
  const holder = document.getElementById("notices");
  if ([...holder.children].some((child) => child.textContent === text)) return;
  const one = h("p", { class: isBad ? "notice bad" : "notice", role: isBad ? "alert" : null }, text);
  holder.append(one);
  while (holder.children.length > 3) holder.firstChild.remove();
  setTimeout(() => one.remove(), SHOWN_MS);
}
