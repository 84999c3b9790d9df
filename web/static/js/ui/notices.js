// Short words that pass by, read aloud by screen readers.

import { h, quoting } from "../dom.js";

const SHOWN_MS = 5000;

export function notice(text, { isBad = false } = {}) {
  const holder = document.getElementById("notices");
  const one = h("p", { class: isBad ? "notice bad" : "notice", role: isBad ? "alert" : null }, quoting(text));
  if ([...holder.children].some((child) => child.textContent === one.textContent)) return;
  holder.append(one);
  while (holder.children.length > 3) holder.firstChild.remove();
  setTimeout(() => one.remove(), SHOWN_MS);
}

/** Says something to who listens to the page; who looks at it sees it anyway. */
export function say(text) {
  document.getElementById("said").textContent = text;
}
