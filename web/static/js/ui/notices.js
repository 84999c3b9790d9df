// Short words that pass by, read aloud by screen readers.

import { h, quoting } from "../dom.js";

const SHOWN_MS = 5000;

/** `isLasting` stays until it is closed or `link` {label, act} is followed; what waits for a person must not pass by. Answers the element. */
export function notice(text, { isBad = false, isLasting = false, link = null } = {}) {
  const holder = document.getElementById("notices");
  const same = [...holder.children].find((child) => child.dataset.text === text);
  if (same) return same;
  const button = (label, act) => h("button", { type: "button", class: "notice-key", on: { click: () => (one.remove(), act()) } }, label);
  const keys = [link && button(link.label, link.act), isLasting && button("Close", () => {})];
  const one = h("p", { class: isBad ? "notice bad" : "notice", role: isBad ? "alert" : null, data: { text } }, h("span", {}, quoting(text)), keys);
  holder.append(one);
  while (holder.children.length > 3) holder.firstChild.remove();
  if (!isLasting) setTimeout(() => one.remove(), SHOWN_MS);
  return one;
}

/** Says something to who listens to the page; who looks at it sees it anyway. */
export function say(text) {
  document.getElementById("said").textContent = text;
}
