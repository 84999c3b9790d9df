// Who is signed in, as the shell was told.

import { at, within } from "./base.js";

const told = document.body.dataset;

export const me = {
  id: Number(told.userId),
  name: told.userName ?? "",
  isAdmin: told.isAdmin === "yes",
};
export const serverName = told.serverName ?? "";
export const version = told.version ?? "";
export const csrf = told.csrf ?? "";

let isLeaving = false;

/** To the sign-in page, and back here afterwards. Several may find out at once that it has to be. */
export function signInAgain() {
  if (isLeaving) return;
  isLeaving = true;
  location.assign(at(`/sign-in?next=${encodeURIComponent(within(location.pathname) + location.search)}`));
}
