// What happens in the house, as the server tells it: a stream for a tab that is seen, and for few of them at once.
//
// A browser has six connections for a server, and the music comes first: of the tabs that are seen beside each other
// only MOST have a stream. Web Locks are not to be had on plain http, so they find out over a BroadcastChannel. All
// others, and browsers that lose the stream, ask again and again as before: views look at `isLive()`.

import { api, setReachable } from "./api.js";
import { at } from "./base.js";
import { signInAgain } from "./session.js";

const KINDS = ["scan", "library", "device"];
const MOST = 2;
const ANSWER_MS = 150;
const AGAIN_MS = 15_000;

const listeners = new Map();
const channel = "BroadcastChannel" in window ? new BroadcastChannel("mediaserver-live") : null;
const self = { id: Math.random(), since: Infinity };
const holders = new Map();
let source = null;
let isOpen = false;
let lastId = "";
let timer = 0;
let isOver = false;

/** Whether what happens is being told. */
export function isLive() {
  return isOpen;
}

/**
 * Calls `listener(data)` for every event of this kind until `signal` is aborted; `data` is null where something may
 * have been missed. The kind "state" tells that `isLive()` has changed.
 */
export function onLive(kind, listener, signal) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind).add(listener);
  signal.addEventListener("abort", () => listeners.get(kind).delete(listener));
}

function tell(kind, data) {
  for (const listener of [...(listeners.get(kind) ?? [])]) listener(data);
}

function setOpen(now) {
  if (now === isOpen) return;
  isOpen = now;
  tell("state", now);
}

/** Begins as soon as the tab is seen, and rests while it is not. */
export function connect() {
  channel?.addEventListener("message", ({ data }) => hear(data));
  document.addEventListener("visibilitychange", look);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && look());
  look();
}

function look() {
  clearTimeout(timer);
  if (document.visibilityState === "hidden") return close();
  if (source || isOver) return;
  holders.clear();
  channel?.postMessage({ is: "asking" });
  timer = setTimeout(() => (holders.size < MOST ? open() : again()), channel ? ANSWER_MS : 0);
}

function again() {
  clearTimeout(timer);
  timer = setTimeout(look, AGAIN_MS);
}

/** For good: this tab signs out by itself. */
export function disconnect() {
  isOver = true;
  close();
}

/** What other tabs say. */
function hear(said) {
  if (said.is === "asking" && source) channel.postMessage({ is: "holding", ...self });
  if (said.is === "left") {
    holders.delete(said.id);
    if (!source) look();
  }
  if (said.is !== "holding") return;
  holders.set(said.id, said.since);
  const isBefore = ([id, since]) => since < self.since || (since === self.since && id < self.id);
  if (source && [...holders].filter(isBefore).length >= MOST) {
    close();
    again();
  }
}

function close() {
  clearTimeout(timer);
  if (!source) return;
  source.close();
  source = null;
  channel?.postMessage({ is: "left", id: self.id });
  setOpen(false);
}

function open() {
  self.since = Date.now();
  channel?.postMessage({ is: "holding", ...self });
  const now = new EventSource(at(`/api/v1/events?${new URLSearchParams({ types: KINDS.join(), last_event_id: lastId })}`));
  source = now;
  const on = (kind, listener) =>
    now.addEventListener(kind, (event) => {
      if (event.lastEventId) lastId = event.lastEventId;
      listener(JSON.parse(event.data));
    });
  const begun = () => {
    setReachable(true);
    setOpen(true);
  };
  on("ready", begun);
  on("reset", () => {
    begun();
    for (const kind of KINDS) tell(kind, null);
  });
  for (const kind of KINDS) on(kind, (data) => tell(kind, data));
  on("end", ({ reason }) => reason === "revoked" && signInAgain());
  now.addEventListener("error", () => lost(now));
}

/** The browser tries again by itself where the line broke, and gives up where it was refused. */
async function lost(now) {
  if (now !== source) return;
  const isRefused = now.readyState === EventSource.CLOSED;
  setOpen(false);
  if (isRefused) {
    close();
    again();
  }
  await api("me").catch(() => {}); // shows whether the server is there, and whether one is signed in
}
