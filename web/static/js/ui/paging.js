// Lists that grow as one scrolls, page by page of the API's cursors.

import { api, query } from "../api.js";
import { h } from "../dom.js";
import { onLive } from "../live.js";

const AHEAD = "900px";
const MOST = 500;

/**
 * Appends the pages of `path` to `list`, drawn one by one by `draw`; answers when the first page is there.
 * Throws what the first page throws; a later one that fails leaves a button to try again. A list that `isLive` is
 * asked for once more whenever the library changes; what has not changed stays where it is, with its focus and the place
 * one has scrolled to.
 */
export async function paged(path, parameters, list, draw, signal, { limit = 60, first = null, isLive = false } = {}) {
  const end = h("div", { class: "sentinel" });
  const drawn = new Map();
  let next = null;
  let shown = 0;
  const place = (item) => {
    const text = JSON.stringify(item);
    if (drawn.get(item.id)?.text !== text) drawn.set(item.id, { text, node: draw(item) });
    return drawn.get(item.id).node;
  };
  const take = async (page) => {
    list.append(...page.items.map(place));
    shown += page.items.length;
    next = page.next;
  };
  const page = first ?? (await api(query(path, { ...parameters, limit }), { signal }));
  await take(page);
  let isLoading = false;
  const more = async () => {
    if (isLoading || !next) return;
    isLoading = true;
    try {
      await take(await api(query(path, { ...parameters, limit, cursor: next }), { signal }));
      if (!next) watcher.disconnect();
      else again();
    } catch (error) {
      if (error.name === "AbortError") return;
      watcher.disconnect();
      const button = h("button", { type: "button", class: "button" }, "Load more");
      button.addEventListener("click", () => {
        button.remove();
        watcher.observe(end);
      });
      end.before(button);
    } finally {
      isLoading = false;
    }
    if (isStale) refresh();
  };
  let isStale = false;
  const refresh = async () => {
    isStale = isLoading;
    if (isLoading || signal.aborted) return;
    isLoading = true;
    try {
      const items = [];
      let cursor = null;
      do {
        const wanted = Math.min(MOST, Math.max(limit, shown - items.length));
        const page = await api(query(path, { ...parameters, limit: wanted, cursor }), { signal });
        items.push(...page.items);
        cursor = page.next;
      } while (cursor && items.length < shown);
      replace(list, items.map(place));
      [shown, next] = [items.length, cursor];
      if (next) again();
    } catch {
      // What is shown stays; the next change, or a look at the page, brings the rest.
    } finally {
      isLoading = false;
    }
    if (isStale) refresh();
  };
  const watcher = new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && more(), { rootMargin: AHEAD });
  const again = () => {
    watcher.unobserve(end);
    watcher.observe(end); // tells anew whether the end is still near
  };
  signal.addEventListener("abort", () => watcher.disconnect());
  if (next) watcher.observe(end);
  if (isLive && page.items.length) onLive("library", refresh, signal);
  return { page, end };
}

/** Makes `nodes` the children of `list`, without moving those that are there in their order. */
function replace(list, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...list.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, n) => {
    if (list.children[n] !== node) list.insertBefore(node, list.children[n] ?? null);
  });
}
