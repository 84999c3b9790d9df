// Reports of how plays went, on their way to the server: gathered, sent in the background, kept while the line is gone.

import { onReachable, post } from "../api.js";
import { clientWords } from "../ui/clients.js";

const MOST = 200;
const AT_ONCE = 100;
const ENOUGH = 20;
const GATHER_MS = 5 * 60_000;
const LONGEST_PLAYER = 64;
const FAMILIES = ["aac", "flac", "opus", "mp3", "original"]; // flac16 is flac
const NETWORKS = { ethernet: "ethernet", wifi: "wifi", cellular: "cellular", bluetooth: "other", wimax: "other", other: "other" };

/** Nothing here throws, is waited for by who plays, or is shown. */
export class Reports {
  constructor() {
    this.waiting = [];
    this.dropped = 0;
    this.timer = 0;
    this.isSending = false;
    onReachable((isReachable) => isReachable && this.send());
    document.addEventListener("visibilitychange", () => document.hidden && this.send()); // a phone may end the page now
  }

  add(report) {
    const player = `Page (${clientWords(navigator.userAgent).slice(0, LONGEST_PLAYER - 7)})`;
    const network = NETWORKS[navigator.connection?.type] ?? "unknown";
    const family = FAMILIES.find((one) => report.family?.startsWith(one)) ?? "other";
    this.waiting.push({ id: chance(), ...report, family, player, network });
    if (this.waiting.length > MOST) this.#drop(this.waiting[0]);
    if (this.waiting.length >= ENOUGH) this.send();
    else this.timer ||= setTimeout(() => this.send(), GATHER_MS);
  }

  /**
   * All that waits. Leaving the page, it is sent though an answer is awaited: what comes twice is known by its id.
   * What the server does not take now (one may be signed out) is tried again with the next, and what it never will is
   * dropped and counted.
   */
  async send({ isLeaving = false } = {}) {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.waiting.length || (this.isSending && !isLeaving)) return;
    this.isSending = true;
    const { dropped } = this;
    const reports = this.waiting.slice(0, AT_ONCE);
    const status = await post("qoe", { reports, dropped });
    this.isSending = false;
    if (status === 202) {
      this.dropped = Math.max(0, this.dropped - dropped);
      this.#forget(reports);
      if (this.waiting.length) await this.send();
    } else if (status === 0 || status === 401 || status === 429 || status >= 500) {
      this.timer ||= setTimeout(() => this.send(), GATHER_MS);
    } else {
      for (const one of reports) this.#drop(one);
    }
  }

  #drop(report) {
    if (!this.waiting.includes(report)) return;
    this.dropped += 1;
    this.#forget([report]);
  }

  #forget(reports) {
    this.waiting = this.waiting.filter((one) => !reports.includes(one));
  }
}

/** 16 letters that nobody else has, made of what is to be had on plain http too. */
function chance() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}
