// A slider for pointer and keyboard. While it is held, it shows the hand's place and not the player's.

import { h } from "../dom.js";

/** `set(value)` is called when the hand lets go (at each move where `isLive`); `text(value)` is what is read aloud. */
export class Slider {
  constructor({ label, set, text, step, isLive = false, className = "slider", onPreview = null }) {
    this.max = 1;
    this.value = 0;
    this.heldAt = null;
    Object.assign(this, { set, text, step, isLive, onPreview });
    this.element = h("div", { class: className, role: "slider", tabindex: "0", "aria-label": label, "aria-valuemin": "0" });
    const on = (name, listener) => this.element.addEventListener(name, listener);
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.heldAt !== null && this.#hold(event));
    on("pointerup", () => this.#up());
    on("pointercancel", () => this.#letGo());
    on("keydown", (event) => this.#key(event));
  }

  show(value, max, loaded = 0) {
    this.max = max || 1;
    this.value = Math.min(Math.max(0, value), this.max);
    const { style } = this.element;
    style.setProperty("--loaded", `${(Math.min(loaded, this.max) / this.max) * 100}%`);
    if (this.heldAt === null) this.#draw(this.value);
  }

  #draw(value) {
    const { element } = this;
    element.style.setProperty("--value", `${(value / this.max) * 100}%`);
    const now = String(Math.round(value * 100) / 100);
    if (element.getAttribute("aria-valuenow") === now) return;
    element.setAttribute("aria-valuemax", String(Math.round(this.max * 100) / 100));
    element.setAttribute("aria-valuenow", now);
    element.setAttribute("aria-valuetext", this.text(value));
  }

  #down(event) {
    if (event.button > 0) return;
    this.element.setPointerCapture(event.pointerId);
    this.element.classList.add("held");
    this.#hold(event);
  }

  #hold(event) {
    const box = this.element.getBoundingClientRect();
    this.heldAt = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this.max;
    this.#draw(this.heldAt);
    this.onPreview?.(this.heldAt);
    if (this.isLive) this.set(this.heldAt);
  }

  #up() {
    if (this.heldAt === null) return;
    const to = this.heldAt;
    this.#letGo();
    this.set(to);
  }

  #letGo() {
    this.heldAt = null;
    this.element.classList.remove("held");
    this.onPreview?.(null);
  }

  #key(event) {
    const page = this.max / 10;
    const to = {
      ArrowRight: this.value + this.step,
      ArrowUp: this.value + this.step,
      ArrowLeft: this.value - this.step,
      ArrowDown: this.value - this.step,
      PageUp: this.value + page,
      PageDown: this.value - page,
      Home: 0,
      End: this.max,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.set(Math.min(Math.max(0, to), this.max));
  }
}
