// Copying text on a plain http page, where the browser's newer way is missing.

/** Copies what an element shows; false where the browser does not let it, and then it stays selected. */
export function copyShown(element) {
  const selection = getSelection();
  selection.selectAllChildren(element);
  const isDone = document.execCommand("copy");
  if (isDone) selection.removeAllRanges();
  return isDone;
}

/** Copies a text that is not shown, or not as it stands. */
export function copyText(text) {
  const area = document.createElement("textarea");
  area.className = "visually-hidden";
  area.readOnly = true;
  area.value = text;
  const before = document.activeElement;
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  before?.focus();
  return isDone;
}
