// Which view stands in the page. Addresses are real ones: they can be opened, bookmarked and reloaded.

import { at, within } from "./base.js";

const scrolls = new Map();
let key = 0;

/** `routes`: [[RegExp, view(match, signal) -> Node]]. Shows the view of the present address and follows links. */
export class Router {
  constructor(holder, routes, { onShow, onMissing }) {
    this.holder = holder;
    this.routes = routes;
    this.onShow = onShow;
    this.onMissing = onMissing;
    this.leaving = new AbortController();
    history.scrollRestoration = "manual";
    key = history.state?.key ?? 0;
    history.replaceState({ key }, "");
    addEventListener("popstate", (event) => {
      this.#remember();
      key = event.state?.key ?? 0;
      this.show();
    });
    document.addEventListener("click", (event) => this.#click(event));
  }

  go(path, { replace = false } = {}) {
    if (replace) {
      history.replaceState({ key }, "", at(path));
      return;
    }
    this.#remember();
    key = Date.now();
    history.pushState({ key }, "", at(path));
    this.show();
  }

  /** Draws the view of the present address; its `signal` is aborted when another one follows. */
  show() {
    this.leaving.abort();
    this.leaving = new AbortController();
    const path = within(location.pathname);
    let view = null;
    for (const [pattern, make] of this.routes) {
      const match = pattern.exec(path);
      if (match) {
        view = make(match, this.leaving.signal);
        break;
      }
    }
    this.holder.replaceChildren(view ?? this.onMissing());
    this.onShow(path);
    this.#scroll(scrolls.get(key) ?? 0);
  }

  #remember() {
    scrolls.set(key, scrollY);
  }

  /** Back to where one was, as soon as enough of the list is there again. */
  #scroll(top) {
    scrollTo(0, top);
    if (!top) return;
    const { signal } = this.leaving;
    const watcher = new ResizeObserver(() => {
      scrollTo(0, top);
      if (Math.abs(scrollY - top) < 2) watcher.disconnect();
    });
    watcher.observe(this.holder);
    const stop = () => watcher.disconnect();
    signal.addEventListener("abort", stop);
    addEventListener("wheel", stop, { once: true, passive: true, signal });
    addEventListener("touchmove", stop, { once: true, passive: true, signal });
  }

  #click(event) {
    const link = event.target.closest?.("a[href]");
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (!link || !isPlain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
    const to = new URL(link.href);
    if (to.origin !== location.origin || to.hash || !this.routes.some(([pattern]) => pattern.test(within(to.pathname)))) return;
    event.preventDefault();
    if (to.pathname + to.search !== location.pathname + location.search) this.go(within(to.pathname) + to.search);
    else scrollTo({ top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  }
}
