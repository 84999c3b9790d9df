// Making elements. Text is always text: nothing here reads HTML.

import { at } from "./base.js";

const SVG = "http://www.w3.org/2000/svg";
const symbols = new URL("../icons/symbols.svg", import.meta.url).pathname;

/**
 * An element: `on` holds listeners, `style` custom properties, `data` data attributes; null children are left out.
 * `href` that begins with a slash is one of the page, written without the base path.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "class") element.className = value;
    else if (name === "href" && value.startsWith("/")) element.setAttribute(name, at(value));
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** People's words in a line of ours: they keep their own direction and do not turn the rest of the line round. */
export function bdi(text) {
  return h("bdi", {}, text);
}

/** A sentence of ours in which what stands between “ and ” is people's. */
export function quoting(text) {
  const [, before, quoted, after] = /^(.*?“)(.*)(”.*)$/su.exec(text) ?? [];
  return before ? [before, bdi(quoted), after] : [text];
}

/** A path, read from left to right whatever the scripts of its folders are. */
export function pathWords(path) {
  return h("bdi", { dir: "ltr" }, path.split("/").flatMap((part, n) => [n ? "/" : "", part && h("bdi", { dir: "ltr" }, part), h("wbr")]));
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "use"));
  setIcon(svg, name);
  return svg;
}

export function setIcon(svg, name) {
  const href = `${symbols}#${name}`;
  if (svg.firstChild.getAttribute("href") !== href) svg.firstChild.setAttribute("href", href);
}

/** A round button with an icon; `label` is what it is called aloud and in its tooltip. */
export function iconButton(name, label, listener, properties = {}) {
  const button = { type: "button", class: "icon-button", "aria-label": label, title: label, on: { click: listener } };
  return h("button", { ...button, ...properties }, icon(name));
}
