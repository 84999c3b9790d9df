// Questions that must be answered before anything else.

import { h, quoting } from "../dom.js";

/** Asks; answers true where the person said yes. */
export function confirmed(question, detail, yes) {
  return new Promise((resolve) => {
    const cancel = h("button", { type: "button", class: "button" }, "Cancel");
    const agree = h("button", { type: "button", class: "button primary" }, yes);
    const dialog = h("dialog", { "aria-labelledby": "dialog-title", "aria-describedby": "dialog-words" }, heading(question), h("p", { id: "dialog-words", class: "soft" }, detail), h("div", { class: "actions" }, cancel, agree));
    show(dialog, () => resolve(dialog.returnValue === "yes"));
    cancel.addEventListener("click", () => dialog.close());
    agree.addEventListener("click", () => dialog.close("yes"));
  });
}

/** A dialog around `form`; `send()` may throw an Error, whose words are shown. Answers whether it went well. */
export function asked(title, form, send, label) {
  return new Promise((resolve) => {
    const message = h("p", { class: "form-error", role: "alert", hidden: true });
    const cancel = h("button", { type: "button", class: "button" }, "Cancel");
    form.append(message, h("div", { class: "actions" }, cancel, h("button", { class: "button primary" }, label)));
    const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, heading(title), form);
    show(dialog, () => resolve(dialog.returnValue === "sent"));
    cancel.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        await send();
        dialog.close("sent");
      } catch (error) {
        message.textContent = error.message;
        message.hidden = false;
      }
    });
  });
}

const heading = (text) => h("h2", { id: "dialog-title" }, quoting(text));

function show(dialog, closed) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => {
    dialog.remove();
    closed();
  });
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.showModal();
}
