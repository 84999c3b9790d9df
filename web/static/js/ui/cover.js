// Pictures of albums and artists; where there is none, a coloured square with the first letter.

import { h } from "../dom.js";
import { hue, initial } from "../format.js";

/** `address` is the API's cover or null; `px` is how large it is drawn. */
export function cover(address, title, px, { isSmall = false, isEager = false } = {}) {
  const letter = h("span", { class: "initial", "aria-hidden": "true" }, initial(title));
  const frame = h("div", { class: isSmall ? "cover small" : "cover", style: { "--hue": String(hue(title)) } }, letter);
  if (address) {
    const sizes = { src: `${address}?size=${px}`, srcset: `${address}?size=${px} 1x, ${address}?size=${px * 2} 2x` };
    const image = h("img", { ...sizes, alt: "", loading: isEager ? null : "lazy", decoding: "async", draggable: "false" });
    image.addEventListener("load", () => image.classList.add("loaded"));
    image.addEventListener("error", () => image.remove());
    frame.append(image);
  }
  return frame;
}

/** Colours `element` (--tint) by the liveliest colour of the picture in `frame`, or by its title's. */
export function tintFrom(frame, element) {
  const image = frame.querySelector("img");
  element.style.setProperty("--tint", `hsl(${frame.style.getPropertyValue("--hue")} 50% 50%)`);
  image?.addEventListener("load", () => {
    const tint = liveliest(image);
    if (tint) element.style.setProperty("--tint", tint);
  });
}

/** Headings are set smaller the longer they are. */
export function lengthClass(text) {
  return text.length > 120 ? "endless" : text.length > 40 ? "long" : null;
}

const EDGE_PX = 24;
const HUES = 12;

/** The mean of the pixels of the strongest hue, so that two colours do not make a grey. */
function liveliest(image) {
  const canvas = h("canvas", { width: EDGE_PX, height: EDGE_PX });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, EDGE_PX, EDGE_PX);
  const { data } = context.getImageData(0, 0, EDGE_PX, EDGE_PX);
  const sums = Array.from({ length: HUES }, () => [0, 0, 0, 0]);
  for (let at = 0; at < data.length; at += 4) {
    const rgb = [data[at], data[at + 1], data[at + 2]];
    const weight = (Math.max(...rgb) - Math.min(...rgb)) ** 2 + 1;
    const sum = sums[Math.floor(hueOf(rgb) * HUES) % HUES];
    rgb.forEach((part, n) => (sum[n] += part * weight));
    sum[3] += weight;
  }
  const [red, green, blue, weight] = sums.reduce((best, sum) => (sum[3] > best[3] ? sum : best));
  return `rgb(${[red, green, blue].map((sum) => Math.round(sum / weight)).join(" ")})`;
}

/** 0 to 1 round the circle. */
function hueOf([red, green, blue]) {
  const high = Math.max(red, green, blue);
  const spread = high - Math.min(red, green, blue);
  if (!spread) return 0;
  const sixth = high === red ? (green - blue) / spread : high === green ? 2 + (blue - red) / spread : 4 + (red - green) / spread;
  return ((sixth + 6) % 6) / 6;
}
