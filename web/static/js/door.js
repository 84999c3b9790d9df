// The forms in front of the door: sign-in and set-up.

import { at } from "./base.js";

const form = document.querySelector("form");
const message = document.querySelector("form .form-error");

function say(text) {
  message.textContent = text;
  message.hidden = !text;
}

async function send(path, body) {
  const button = form.querySelector("button");
  button.disabled = true;
  say("");
  try {
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    const response = await fetch(at(path), { method: "POST", headers, body: JSON.stringify(body) });
    if (response.ok) return true;
    const problem = await response.json().catch(() => ({}));
    const detail = problem.detail ?? "that did not work";
    say(detail[0].toUpperCase() + detail.slice(1) + (/[.!?]$/.test(detail) ? "" : "."));
    form.querySelector(`[name="${CSS.escape(problem.field ?? "password")}"]`)?.focus();
  } catch {
    say("The server cannot be reached. Is it running, and is this device in the same network?");
  } finally {
    button.disabled = false;
  }
  return false;
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { link, name, password, again } = Object.fromEntries(new FormData(form));
  if (form.id === "setup") {
    if (password !== again) return say("The two passwords are not the same.");
    // The link stays in the address until it is used, so that a reload does not lose it; replaced, it leaves the history.
    if (await send("/api/v1/setup", { link, name, password })) location.replace(at("/"));
  } else if (await send("/api/v1/session", { name, password })) {
    location.replace(at(form.dataset.following || "/"));
  }
});
