// The player bar at the foot of every view; on a phone it opens into the whole screen.

import { at, within } from "../base.js";
import { bdi, h, icon, iconButton, setIcon } from "../dom.js";
import { clock } from "../format.js";
import { cover } from "./cover.js";
import { say } from "./notices.js";
import { qualityMenu, qualityWords } from "./quality.js";
import { Slider } from "./slider.js";

const REPEATS = { off: ["all", "Repeat the queue"], all: ["one", "Repeat this track"], one: ["off", "Do not repeat"] };
const PHONE = "(max-width: 820px)";
const SHEET = { role: "dialog", "aria-modal": "true" };
const SEEK_STEP_S = 5;
const VOLUME_STEP = 0.05;

export class Bar {
  constructor(element, player, go) {
    this.element = element;
    this.player = player;
    this.go = go;
    this.shown = null;
    this.told = null; // the track that was said aloud last
    this.#build();
    player.addEventListener("change", () => this.#draw());
    player.addEventListener("progress", () => this.#drawTime());
    this.#draw();
  }

  #build() {
    const { player, element } = this;
    this.backdrop = h("div", { class: "backdrop", "aria-hidden": "true" });
    this.art = h("button", { type: "button", class: "open", on: { click: () => this.#open(true) } });
    this.title = h("a", { class: "track-title", dir: "auto", href: "/" });
    this.by = h("span", { class: "track-by" });
    const words = h("div", { class: "words", on: { click: (event) => this.#tap(event) } }, this.title, this.by);
    this.now = h("div", { class: "now" }, this.art, words);
    this.shuffle = iconButton("shuffle", "Shuffle", () => player.queue.setShuffled(!player.queue.isShuffled), { class: "icon-button shuffle-key" });
    this.repeat = iconButton("repeat", "Repeat", () => player.queue.setRepeat(REPEATS[player.queue.repeat][0]), { class: "icon-button repeat-key" });
    this.play = h("button", { type: "button", class: "play-key", on: { click: () => player.toggle() } }, icon("play"));
    this.next = iconButton("next", "Next track", () => player.next(), { class: "icon-button next-key" });
    const previous = iconButton("previous", "Previous track", () => player.previous());
    const keys = h("div", { class: "keys" }, this.shuffle, previous, this.play, this.next, this.repeat);
    this.at = h("span", { class: "at" });
    this.total = h("span", { class: "total" });
    this.slider = new Slider({
      label: "Position",
      step: SEEK_STEP_S,
      set: (seconds) => player.seek(seconds),
      text: (seconds) => `${clock(seconds)} of ${clock(player.durationS)}`,
      onPreview: (seconds) => seconds !== null && (this.at.textContent = clock(seconds)),
    });
    const seek = h("div", { class: "seek" }, this.at, this.slider.element, this.total);
    this.quality = h("button", { type: "button", class: "quality-key", "aria-haspopup": "menu", "aria-expanded": "false", on: { click: () => qualityMenu(this.quality, player) } }, icon("quality"), h("span"));
    this.mute = iconButton("volume", "Mute", () => player.toggleMuted(), { class: "icon-button mute-key" });
    this.volume = new Slider({
      label: "Volume",
      step: VOLUME_STEP,
      isLive: true,
      className: "slider volume",
      set: (volume) => player.setVolume(volume),
      text: (volume) => `${Math.round(volume * 100)} %`,
    });
    const queue = h("a", { class: "icon-button", href: "/queue", "aria-label": "Queue", title: "Queue" }, icon("queue"));
    const tools = h("div", { class: "tools" }, this.quality, queue, this.mute, this.volume.element);
    const close = iconButton("down", "Close the player", () => this.#open(false));
    this.close = close;
    const head = h("div", { class: "sheet-head" }, close, h("b", {}, "Now playing"), h("span", { class: "icon-button", "aria-hidden": "true" }));
    element.append(this.backdrop, head, this.now, h("div", { class: "centre" }, keys, seek), tools);
    element.addEventListener("click", (event) => event.target.closest("a") && this.#open(false));
    element.addEventListener("keydown", (event) => event.key === "Escape" && this.#open(false));
    addEventListener("popstate", () => this.#open(false));
    this.#swipe(head);
    matchMedia(PHONE).addEventListener("change", () => this.#fit());
    this.#fit();
  }

  #draw() {
    const { player, element } = this;
    const { track, queue } = player;
    element.hidden = !track;
    document.body.classList.toggle("has-player", Boolean(track));
    document.body.classList.toggle("is-playing", player.isPlaying && !player.isWaiting);
    if (!track) {
      this.#open(false);
      this.shown = this.told = null;
      return;
    }
    if (track !== this.shown) this.#drawTrack(track);
    if (track !== this.told && player.isPlaying) {
      this.told = track;
      say(`Now playing: ${track.title}, ${track.artist ?? ""}`);
    }
    element.classList.toggle("waiting", player.isWaiting);
    setIcon(this.play.firstChild, player.isPlaying ? "pause" : "play");
    label(this.play, player.isPlaying ? "Pause" : "Play");
    this.shuffle.setAttribute("aria-pressed", String(queue.isShuffled));
    this.repeat.setAttribute("aria-pressed", String(queue.repeat !== "off"));
    setIcon(this.repeat.firstChild, queue.repeat === "one" ? "repeat-one" : "repeat");
    label(this.repeat, REPEATS[queue.repeat][1]);
    this.next.disabled = queue.neighbour(1) === null;
    const isSilent = player.audio.muted || player.audio.volume === 0;
    setIcon(this.mute.firstChild, isSilent ? "muted" : "volume");
    label(this.mute, isSilent ? "Unmute" : "Mute");
    this.volume.show(isSilent ? 0 : player.audio.volume, 1);
    const words = qualityWords(player);
    this.quality.lastChild.textContent = words;
    label(this.quality, `Quality: ${words}`);
    this.#drawTime();
  }

  #drawTrack(track) {
    this.shown = track;
    const name = track.album?.title || track.title;
    this.art.replaceChildren(cover(track.cover, name, 300, { isEager: true }));
    this.backdrop.replaceChildren(cover(track.cover, name, 96, { isEager: true }));
    this.title.textContent = track.title;
    this.title.href = at(track.album?.id ? `/albums/${track.album.id}` : "/albums");
    const artists = track.artists?.length ? track.artists : [{ id: null, name: track.artist ?? "" }];
    const links = artists.flatMap((one, n) => [n ? ", " : "", one.id ? h("a", { href: `/artists/${one.id}` }, bdi(one.name)) : bdi(one.name)]);
    this.by.replaceChildren(...links);
  }

  #drawTime() {
    const { player } = this;
    if (!player.track) return;
    const { positionS, durationS, loadedS } = player;
    if (this.slider.heldAt === null) this.at.textContent = clock(positionS);
    this.total.textContent = clock(durationS);
    this.slider.show(positionS, durationS, loadedS);
  }

  get #isPhone() {
    return matchMedia(PHONE).matches;
  }

  /** What the picture leads to depends on the room there is; a window that grows has no use for the open sheet. */
  #fit() {
    label(this.art, this.#isPhone ? "Show the player" : "Go to the album");
    if (!this.#isPhone) this.#open(false);
  }

  #tap(event) {
    if (!this.#isPhone || this.element.classList.contains("open")) return;
    event.preventDefault();
    event.stopPropagation();
    this.#open(true);
  }

  #open(isOpen) {
    if (isOpen && !this.#isPhone) {
      this.go(within(this.title.pathname));
      return;
    }
    if (this.element.classList.contains("open") === isOpen) return;
    this.element.classList.toggle("open", isOpen);
    document.body.classList.toggle("sheet-open", isOpen);
    for (const other of document.querySelectorAll(".view, .tabs, .skip")) other.inert = isOpen;
    for (const [name, value] of Object.entries(SHEET)) {
      if (isOpen) this.element.setAttribute(name, value);
      else this.element.removeAttribute(name);
    }
    if (isOpen) this.close.focus();
    else if (this.element.contains(document.activeElement)) this.art.focus();
  }

  /** The sheet goes down with the finger. */
  #swipe(head) {
    let startY = null;
    for (const part of [head, this.now]) {
      part.addEventListener("touchstart", (event) => (startY = event.touches[0].clientY), { passive: true });
      part.addEventListener("touchend", (event) => {
        if (startY !== null && event.changedTouches[0].clientY - startY > 80) this.#open(false);
        startY = null;
      });
    }
  }
}

function label(element, words) {
  element.setAttribute("aria-label", words);
  element.title = words;
}
