// Bytes over an unreliable line.

import { ApiError, setReachable } from "../api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;
const MOST_REFUSALS = 5;

/** The server answered, but not with what was asked. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** The line broke before the answer was whole. */
export class Lost extends Error {}

/** The whole body as an ArrayBuffer; `onProgress(bytes, totalBytes, elapsedS, chunk)` hears how it comes. */
export async function bytesOf(url, options = {}) {
  try {
    return await wholeBody(url, options);
  } catch (error) {
    throw error instanceof TypeError ? new Lost(error.message) : error;
  }
}

async function wholeBody(url, { signal, onProgress }) {
  const startedMs = performance.now();
  const response = await fetch(url, { signal, credentials: "omit" });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Refused(response.status, problem.detail ?? `the server answered ${response.status}`);
  }
  const totalBytes = Number(response.headers.get("Content-Length")) || 0;
  if (!onProgress || !response.body || !totalBytes) return response.arrayBuffer();
  const whole = new Uint8Array(totalBytes);
  const reader = response.body.getReader();
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > totalBytes) throw new TypeError("more bytes than announced");
    whole.set(value, at);
    at += value.length;
    onProgress(at, totalBytes, (performance.now() - startedMs) / 1000, value);
  }
  if (at < totalBytes) throw new TypeError("the connection broke");
  return whole.buffer;
}

/** Waits `ms`, less where the browser comes back online. Throws AbortError. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const stop = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      reject(new DOMException("stopped", "AbortError"));
    };
    const timer = setTimeout(done, ms);
    if (signal?.aborted) return stop();
    addEventListener("online", done);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/**
 * `attempt()` until it works. A lost line is tried for ever, a busy or failing server a few times,
 * an address that has ended once more after `renew()`. Throws Refused and AbortError.
 */
export async function persistently(attempt, { signal, renew }) {
  let waitMs = FIRST_WAIT_MS;
  let refusals = 0;
  let wasRenewed = false;
  for (;;) {
    try {
      const answer = await attempt();
      setReachable(true);
      return answer;
    } catch (error) {
      if (error.name === "AbortError") throw error;
      const status = error.status ?? 0;
      if ([403, 404, 410].includes(status) && !wasRenewed) {
        wasRenewed = true;
        renew();
        continue;
      }
      const isLost = error instanceof Lost || (error instanceof ApiError && status === 0);
      const isBusy = [429, 500, 502, 503, 504].includes(status);
      if (isLost) setReachable(false);
      else if (!isBusy || ++refusals > MOST_REFUSALS) throw error;
      await pause(waitMs, signal);
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  }
}
