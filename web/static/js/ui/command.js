// A command for a terminal, with a button that copies it.

import { h, iconButton } from "../dom.js";
import { copyText } from "./clipboard.js";
import { notice } from "./notices.js";

export function command(text, label = "Copy the command") {
  return h("div", { class: "command" }, h("code", {}, text), iconButton("copy", label, () => copy(text)));
}

export function copy(text) {
  if (copyText(text)) notice("Copied.");
  else notice("The browser does not let this be copied.", { isBad: true });
}
