// Lists that grow as one scrolls, page by page of the API's cursors.

import { api, query } from "../api.js";
import { h } from "../dom.js";

const AHEAD = "900px";

/**
 * Appends the pages of `path` to `list`, drawn one by one by `draw`; answers when the first page is there.
 * Throws what the first page throws; a later one that fails leaves a button to try again.
 */
export async function paged(path, parameters, list, draw, signal, { limit = 60, first = null } = {}) {
  const end = h("div", { class: "sentinel" });
  let next = null;
  const take = async (page) => {
    list.append(...page.items.map(draw));
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
  };
  const watcher = new IntersectionObserver((entries) => entries.some((one) => one.isIntersecting) && more(), { rootMargin: AHEAD });
  const again = () => {
    watcher.unobserve(end);
    watcher.observe(end); // tells anew whether the end is still near
  };
  signal.addEventListener("abort", () => watcher.disconnect());
  if (next) watcher.observe(end);
  return { page, end };
}
