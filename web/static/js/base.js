// Where the server's addresses begin. Inside the page they are written without that, as "/albums".

const base = document.documentElement.dataset.base ?? "";

/** Where the browser finds `path` of this server. */
export function at(path) {
  return base + path;
}

/** A path of the browser's as the page writes it; "" for one outside of the server. */
export function within(pathname) {
  return pathname.startsWith(`${base}/`) ? pathname.slice(base.length) : "";
}
