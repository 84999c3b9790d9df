// An album that is kept ready: what the menu offers, and the words beside its facts.

import { api } from "../api.js";
import { h } from "../dom.js";
import { notice } from "./notices.js";

/** `badge` is shown while it is kept; `entry()` is the menu's. Both know how it stands once the server has said so. */
export function keeping(album, signal) {
  const badge = h("span", { class: "badge" }, "Kept ready");
  let isKept = null;
  const show = (now) => {
    isKept = now;
    badge.hidden = !now;
  };
  const look = async () => {
    try {
      const { items } = await api("pins", { signal });
      show(items.some((one) => one.album_id === album.id));
    } catch {
      show(null); // the album plays without it
    }
  };
  const change = async () => {
    const now = !isKept;
    try {
      await api(`pins/albums/${album.id}`, { method: now ? "PUT" : "DELETE" });
      show(now);
      notice(now ? `“${album.title}” is made ready at night, and kept.` : `“${album.title}” is not kept ready any more.`);
    } catch (error) {
      notice(error.message, { isBad: true });
    }
  };
  badge.hidden = true;
  look();
  return {
    badge,
    entry: () => isKept !== null && { label: isKept ? "Stop keeping it ready" : "Keep ready", icon: isKept ? "close" : "plus", hint: isKept ? "It may leave the server's cache" : "Begins at once, at any time", act: change },
  };
}
