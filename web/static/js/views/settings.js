// One's own settings: sound, colours, password, devices.

import { api } from "../api.js";
import { at } from "../base.js";
import { bdi, h } from "../dom.js";
import { ago } from "../format.js";
import { disconnect, onLive } from "../live.js";
import { QUALITIES } from "../player/quality.js";
import { me, version } from "../session.js";
import { clientWords } from "../ui/clients.js";
import { confirmed } from "../ui/dialog.js";
import { levellingPanel } from "../ui/levelling.js";
import { notice } from "../ui/notices.js";
import { options } from "../ui/options.js";

export function settingsView({ player }, signal) {
  const out = h("button", { type: "button", class: "button", on: { click: () => signOut(player) } }, "Sign out");
  const administration = me.isAdmin && h("a", { class: "button", href: "/admin" }, "Administration");
  return h(
    "div",
    {},
    h("header", { class: "head" }, h("div", { class: "grow" }, h("h1", {}, "Settings"), h("p", { class: "count" }, "Signed in as ", bdi(me.name))), h("div", { class: "buttons" }, administration, out)),
    quality(player, signal),
    levellingPanel(player, signal),
    colours(),
    password(),
    sessions(signal),
    tokens(signal),
    h("p", { class: "hint" }, `Version ${version} · `, h("a", { class: "link", href: "/docs/api" }, "API for programs")),
  );
}

function quality(player, signal) {
  const entries = QUALITIES.filter((one) => one.name !== "lossless" || player.hasLossless);
  const choice = options("Sound quality", "quality", entries, player.quality, (name) => player.setQuality(name));
  player.addEventListener("change", () => {
    const input = choice.querySelector(`[value="${player.quality}"]`);
    if (input && !input.checked) input.checked = true;
  }, { signal });
  return h("section", { class: "panel" }, h("h2", {}, "Sound quality"), h("p", { class: "hint" }, "For this browser. Automatic goes up and down with the line."), choice);
}

function colours() {
  const entries = [{ name: "system", label: "Like the system" }, { name: "light", label: "Light" }, { name: "dark", label: "Dark" }];
  const chosen = document.documentElement.dataset.chosenTheme;
  const choose = (name) => dispatchEvent(new CustomEvent("theme", { detail: name }));
  return h("section", { class: "panel" }, h("h2", {}, "Colours"), h("p", { class: "hint" }, "For this browser."), options("Colours", "colours", entries, chosen, choose));
}

function password() {
  const field = (name, label, complete) => [h("label", { for: `password-${name}` }, label), h("input", { id: `password-${name}`, name, type: "password", autocomplete: complete, required: true })];
  const message = h("p", { class: "form-error", role: "alert", hidden: true });
  const form = h("form", {}, field("current", "Present password", "current-password"), field("new", "New password", "new-password"), message, h("button", { class: "button" }, "Change the password"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    message.hidden = true;
    try {
      await api("me/password", { method: "PUT", body: Object.fromEntries(new FormData(form)), stays: true });
      form.reset();
      notice("The password is changed. Other devices are signed out.");
    } catch (error) {
      message.textContent = error.message;
      message.hidden = false;
    }
  });
  return h("section", { class: "panel" }, h("h2", {}, "Password"), h("p", { class: "hint" }, "A new one signs all other devices out."), form);
}

/** A list in a panel that loads itself and can do so again. */
function listPanel(title, words, load, signal, ...more) {
  const list = h("ul", { class: "rows" });
  const heading = h("h2", { tabindex: "-1" }, title);
  const again = async () => {
    try {
      const rows = await load(again);
      const hadFocus = list.contains(document.activeElement);
      list.replaceChildren(...rows);
      if (hadFocus) heading.focus(); // what had it is gone
    } catch (error) {
      if (!signal.aborted) list.replaceChildren(h("li", { class: "soft" }, error.message));
    }
  };
  onLive("device", (change) => (!change || change.user_id === me.id) && again(), signal);
  again();
  return { again, element: h("section", { class: "panel" }, heading, h("p", { class: "hint" }, words), list, more) };
}

function sessions(signal) {
  const load = async (again) => {
    const { items } = await api("sessions", { signal });
    return items.map((one) => {
      const end = async () => {
        if (!(await confirmed("Sign this device out?", clientWords(one.client), "Sign out"))) return;
        await api(`sessions/${one.id}`, { method: "DELETE" }).catch((error) => notice(error.message, { isBad: true }));
        again();
      };
      const words = h("div", { class: "words" }, h("b", {}, clientWords(one.client)), one.current && h("i", { class: "pill" }, "This device"), h("span", {}, `${one.address} · seen ${ago(one.seen_at_ms)}`));
      return h("li", {}, words, !one.current && h("button", { type: "button", class: "button small danger", on: { click: end } }, "Sign out"));
    });
  };
  return listPanel("Browsers", "Where you are signed in. Signing one out ends what it plays, too.", load, signal).element;
}

function tokens(signal) {
  const load = async (again) => {
    const { items } = await api("tokens", { signal });
    if (!items.length) return [h("li", { class: "soft" }, "None yet.")];
    return items.map((one) => {
      const end = async () => {
        if (!(await confirmed(`Revoke “${one.name}”?`, "The app that uses it stops working at once.", "Revoke"))) return;
        await api(`tokens/${one.id}`, { method: "DELETE" }).catch((error) => notice(error.message, { isBad: true }));
        again();
      };
      const seen = one.seen_at_ms ? `seen ${ago(one.seen_at_ms)}` : "never used";
      const words = h("div", { class: "words" }, h("b", { dir: "auto" }, one.name), h("span", {}, `made ${ago(one.created_at_ms)} · ${seen}`));
      return h("li", {}, words, h("button", { type: "button", class: "button small danger", on: { click: end } }, "Revoke"));
    });
  };
  const shown = h("div", { role: "status" });
  const name = h("input", { id: "token-name", name: "name", required: true, maxlength: "64", autocomplete: "off" });
  const form = h("form", { class: "inline-form" }, h("div", {}, h("label", { for: "token-name" }, "For which app or device?"), name), h("button", { class: "button" }, "Make a token"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const made = await api("tokens", { method: "POST", body: { name: name.value } });
      const secret = h("input", { class: "secret", type: "text", readonly: true, value: made.token, "aria-label": "The new token", on: { focus: (one) => one.target.select() } });
      shown.replaceChildren(h("p", { class: "hint" }, "Copy it now. It is shown this once."), secret);
      form.reset();
      secret.focus();
      panel.again();
    } catch (error) {
      notice(error.message, { isBad: true });
    }
  });
  const panel = listPanel("Apps and devices", "A token lets another program play in your name, without your password.", load, signal, form, shown);
  return panel.element;
}

async function signOut(player) {
  player.stop();
  await player.tellAll();
  disconnect();
  await api("session", { method: "DELETE", stays: true }).catch(() => {});
  location.assign(at("/sign-in"));
}
