// What sticks out, is cut, covered or too small to be hit: `least` px for the main controls, 24 px for all others.
(least) => {
  const faults = [];
  const name = (element) => `${element.tagName.toLowerCase()}.${element.className} "${(element.getAttribute("aria-label") || element.textContent).trim().slice(0, 30)}"`;
  const isShown = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && !element.closest("[inert], .visually-hidden, .skip, noscript, option, script");
  const scroller = (element) => {
    for (let one = element.parentElement; one; one = one.parentElement) if (/auto|scroll/.test(getComputedStyle(one).overflowX) && one.scrollWidth > one.clientWidth) return one;
    return null;
  };
  const width = document.scrollingElement.clientWidth;
  if (document.scrollingElement.scrollWidth > width) faults.push(`the page is ${document.scrollingElement.scrollWidth} px wide in a window of ${width}`);
  const modal = document.querySelector("dialog[open], [aria-modal=true]");
  const top = document.querySelector(".menu") ?? modal ?? document.body;

  // Text that is cut without a sign of it.
  for (const element of top.querySelectorAll("*")) {
    if (!isShown(element) || !element.textContent.trim() || element.closest("svg, .cover")) continue;
    const style = getComputedStyle(element);
    const hasText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const isClipped = style.overflowX === "hidden" && element.scrollWidth > element.clientWidth + 1;
    const isMarked = style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none";
    if (hasText && isClipped && !isMarked) faults.push(`cut: ${name(element)}`);
    if (!hasText) continue;
    const range = document.createRange();
    range.selectNodeContents(element);
    const box = range.getBoundingClientRect();
    if (isMarked || scroller(element) || box.width < 1) continue;
    let one = element;
    while (one && getComputedStyle(one).overflowX !== "hidden") one = one.parentElement;
    if (!one && (box.left < -1 || box.right > width + 1)) faults.push(`sticks out (${Math.round(box.left)} to ${Math.round(box.right)} of ${width}): ${name(element)}`);
  }

  // A link in a line of text is as high as the line, and may stand in the part that an ellipsis leaves out.
  const isInText = (element) => element.matches("a") && (getComputedStyle(element).display === "inline" || element.closest(".track .name, .facts, .now .words, .where"));
  const controls = [...top.querySelectorAll("a[href], button, input, select, [role=slider]")].filter((one) => isShown(one) && getComputedStyle(one).pointerEvents !== "none");
  for (const element of controls) {
    const style = getComputedStyle(element);
    const grown = getComputedStyle(element, "::after");
    let box = element.getBoundingClientRect();
    if (grown.position === "absolute" && grown.content !== "none" && element.matches(".main")) box = element.closest(".card").getBoundingClientRect();
    if (element.type === "checkbox") box = element.closest("label").getBoundingClientRect();
    const isMain = element.matches("button, .button, input, select, .tabs a, .links a, [role=slider]") && !element.matches(".grip");
    const needed = isInText(element) ? 0 : isMain ? least : 24;
    if (Math.min(box.width, box.height) < needed - 0.5) faults.push(`${Math.round(box.width)}x${Math.round(box.height)} px: ${name(element)}`);
    if (!isInText(element) && (box.left < -1 || box.right > width + 1) && !scroller(element)) faults.push(`outside: ${name(element)}`);
  }

  // Headings and controls that something else covers once they are scrolled to.
  const fixed = (element) => element.closest(".tabs, .player, .sidebar, .menu, dialog");
  const place = scrollY;
  for (const element of [...controls, ...[...top.querySelectorAll("h1, h2")].filter(isShown)]) {
    if (!fixed(element)) element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    else element.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    const range = document.createRange();
    range.selectNodeContents(element);
    const isHeading = element.matches("h1, h2");
    const box = [...(isHeading ? range : element).getClientRects()].find((one) => one.width > 0 && one.height > 0);
    if (!box) continue;
    const y = (box.top + box.bottom) / 2;
    for (const x of isHeading ? [box.left + 2, box.right - 2] : [isInText(element) ? box.left + 3 : (box.left + box.right) / 2]) {
      const hit = document.elementFromPoint(x, y);
      const isHit = hit && (element.contains(hit) || hit.contains(element) || hit.closest("label")?.contains(element));
      if (!isHit && !(isInText(element) && (!hit || hit.closest(".track, .now")))) faults.push(`covered by ${hit ? name(hit) : "nothing in the window"}: ${name(element)}`);
    }
  }
  scrollTo(0, place);
  return [...new Set(faults)];
}
