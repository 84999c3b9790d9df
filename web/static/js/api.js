// The native API: JSON in and out, and failures as one kind of error.

import { at } from "./base.js";
import { csrf, signInAgain } from "./session.js";

const AGAIN_MS = 2000;
const listeners = new Set();
let isReachable = true;

/** A failure that the server named, or `status` 0 where it could not be reached. */
export class ApiError extends Error {
  constructor(status, detail, field = null) {
    super(detail);
    this.status = status;
    this.field = field;
  }
}

/** Calls `listener(isReachable)` whenever the server is lost or found again, until `signal` is aborted. */
export function onReachable(listener, signal = null) {
  listeners.add(listener);
  signal?.addEventListener("abort", () => listeners.delete(listener));
}

export function setReachable(now) {
  if (now === isReachable) return;
  isReachable = now;
  for (const listener of [...listeners]) listener(now);
  if (!now) setTimeout(look, AGAIN_MS);
}

/** Nothing else may be asking: the server is looked for until it is there. */
async function look() {
  if (isReachable) return;
  const answer = await fetch(at("/healthz"), { cache: "no-store" }).catch(() => null);
  if (answer) setReachable(true);
  else setTimeout(look, AGAIN_MS);
}

/** Answers the JSON of /api/v1/`path`, null for an empty answer. Throws ApiError, and AbortError by `signal`. */
export async function api(path, { method = "GET", body, signal, stays = false } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRF-Token"] = csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    const text = body === undefined ? undefined : JSON.stringify(body);
    response = await fetch(at(`/api/v1/${path}`), { method, headers, signal, body: text });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    setReachable(false);
    throw new ApiError(0, "The server cannot be reached.");
  }
  setReachable(true);
  if (response.ok) return response.status === 204 ? null : response.json();
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401 && !stays) signInAgain();
  throw new ApiError(response.status, problem.detail ?? `The server answered ${response.status}.`, problem.field ?? null);
}

/**
 * Hands `body` to /api/v1/`path` in the background, also while the page is left: answers the status, 0 where the server
 * was not reached. Never throws, and says nothing to anybody.
 */
export async function post(path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  try {
    const text = JSON.stringify(body);
    const response = await fetch(at(`/api/v1/${path}`), { method: "POST", headers, body: text, keepalive: true });
    return response.status;
  } catch {
    return 0;
  }
}

/** `path` with the parameters that have a value. */
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
