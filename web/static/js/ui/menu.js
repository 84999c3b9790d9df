// Menus that open at a button: arrow keys move, Escape closes and gives the focus back.

import { h, icon } from "../dom.js";

let shown = null;

/** A button's menu. `entries()`: [{label, icon?, hint?, isChosen?, act?, href?}], null entries are left out. */
export function openMenu(button, entries, { title = null, foot = null } = {}) {
  const isSame = shown?.button === button;
  closeMenu();
  if (isSame) return;
  const items = entries.filter(Boolean).map(item);
  const head = title && h("div", { class: "menu-title", role: "presentation" }, title);
  const menu = h("div", { class: "menu", role: "menu", "aria-label": title ?? button.getAttribute("aria-label") }, head, items, foot);
  document.body.append(menu);
  place(menu, button);
  button.setAttribute("aria-expanded", "true");
  const stop = new AbortController();
  shown = { button, menu, stop };
  const { signal } = stop;
  menu.addEventListener("keydown", (event) => move(event, items), { signal });
  menu.addEventListener("click", (event) => event.target.closest("button, a") && closeMenu(), { signal });
  addEventListener("pointerdown", (event) => {
    if (!menu.contains(event.target) && !button.contains(event.target)) closeMenu({ giveBack: false });
  }, { signal, capture: true });
  addEventListener("resize", () => closeMenu({ giveBack: false }), { signal });
  addEventListener("popstate", () => closeMenu({ giveBack: false }), { signal });
  (items.find((one) => one.getAttribute("aria-checked") === "true") ?? items[0])?.focus({ preventScroll: true });
}

export function closeMenu({ giveBack = true } = {}) {
  if (!shown) return;
  const { button, menu, stop } = shown;
  shown = null;
  stop.abort();
  menu.remove();
  button.setAttribute("aria-expanded", "false");
  if (giveBack && button.isConnected) button.focus({ preventScroll: true });
}

function item({ label, icon: name, hint, isChosen, act, href }) {
  const words = h("span", {}, label, hint && h("small", {}, hint));
  if (href) return h("a", { href, role: "menuitem", tabindex: "-1" }, name && icon(name), words);
  const isChoice = isChosen !== undefined;
  const role = isChoice ? { role: "menuitemradio", "aria-checked": String(isChosen) } : { role: "menuitem" };
  const mark = isChoice && h("span", { class: "choice-mark" }, isChosen && icon("check"));
  return h("button", { type: "button", tabindex: "-1", ...role, on: { click: act } }, mark, name && icon(name), words);
}

function place(menu, button) {
  const anchor = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const left = Math.min(Math.max(8, anchor.right - width), innerWidth - width - 8);
  const below = anchor.bottom + 6;
  const top = below + height > innerHeight - 8 ? Math.max(8, anchor.top - height - 6) : below;
  menu.style.left = `${left}px`;
  menu.style.top = `${top}px`;
}

function move(event, items) {
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  event.stopPropagation();
  if (event.key === "Escape" || event.key === "Tab") closeMenu();
  else if (to !== undefined) items[(to + items.length) % items.length].focus();
  else return;
  event.preventDefault();
}
