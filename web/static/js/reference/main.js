// The page of the API's reference: draws openapi.json, finds in it, and follows anchors.

import { api } from "../api.js";
import { at } from "../base.js";
import { h } from "../dom.js";
import { count } from "../format.js";
import { operationsOf, operationView, searchText, verb } from "./operation.js";
import { fieldsOf, shapeTitle } from "./shapes.js";
import { block, paragraphs } from "./words.js";

const main = document.getElementById("reference");
const contents = document.getElementById("contents");
const find = document.getElementById("find");
const found = document.getElementById("found");

const sectionId = (name) => `about-${name.toLowerCase().replaceAll(" ", "-")}`;

function intro({ info }, names) {
  const jump = h("nav", { class: "jump", "aria-label": "Sections" }, names.map((name) => h("a", { class: "badge", href: `#${sectionId(name)}` }, name)));
  const token = block("Try it", `TOKEN=ms_…\ncurl -H "Authorization: Bearer $TOKEN" \\\n  '${location.origin}${at("/api/v1/me")}'`);
  const make = h("p", {}, "A token of your own: ", h("a", { class: "link", href: "/settings" }, "Settings"), ", Apps and devices. The same for machines: ", h("a", { class: "link", href: "/api/v1/openapi.json" }, "openapi.json"), ", OpenAPI 3.1.");
  return h("header", { class: "operation intro" }, h("div", { class: "words" }, h("h1", {}, "API"), h("p", { class: "soft" }, `Version ${info.version}`), paragraphs(info.description), make, jump), h("div", { class: "tries" }, token));
}

function shapeView(name, schema) {
  const heading = h("h3", { id: `shape-${name}-title` }, h("a", { class: "anchor", href: `#shape-${name}` }, shapeTitle(name)));
  return h("article", { id: `shape-${name}`, class: "shape", "aria-labelledby": `shape-${name}-title` }, heading, schema.description && paragraphs(schema.description), fieldsOf(schema));
}

/** Draws everything; returns what finding shows and hides: [{element, link, text}] by section. */
function draw(document) {
  const sections = document.tags.map(({ name, description }) => {
    const entries = operationsOf(document).filter((one) => one.tag === name).map((one) => ({
      element: operationView(one, document),
      link: h("a", { href: `#${one.id}`, title: one.told.summary }, verb(one.method), h("span", {}, one.path.replace("/api/v1/", ""))),
      text: searchText(one),
    }));
    return { name, description, entries };
  });
  const shapes = Object.entries(document.components.schemas).map(([name, schema]) => ({
    element: shapeView(name, schema),
    link: h("a", { href: `#shape-${name}` }, h("span", {}, shapeTitle(name))),
    text: `${name} ${shapeTitle(name)} ${Object.keys(schema.properties ?? {}).join(" ")}`.toLowerCase(),
  }));
  sections.push({ name: "Shapes", description: "What bodies and answers are made of. Fields may be added.", entries: shapes, isShapes: true });
  for (const section of sections) {
    section.element = h("section", { id: sectionId(section.name), class: section.isShapes ? "shapes" : null }, h("div", { class: "section-head" }, h("h2", {}, section.name), h("p", { class: "soft" }, section.description)), section.entries.map((one) => one.element));
    section.list = h("div", { class: "group" }, h("h2", {}, section.name), h("ul", {}, section.entries.map((one) => h("li", {}, one.link))));
  }
  main.replaceChildren(intro(document, sections.map((one) => one.name)), ...sections.map((one) => one.element), none);
  contents.replaceChildren(...sections.map((one) => one.list));
  return sections;
}

const none = h("p", { class: "none", hidden: true }, "Nothing here is called so.");

function filter(sections, asked) {
  const words = asked.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const section of sections) {
    let here = 0;
    for (const { element, link, text } of section.entries) {
      const fits = words.every((word) => text.includes(word));
      element.hidden = link.parentElement.hidden = !fits;
      here += fits;
    }
    section.element.hidden = section.list.hidden = !here;
    shown += here;
  }
  main.querySelector(".intro").hidden = words.length > 0;
  none.hidden = shown > 0;
  found.textContent = words.length ? `${count(shown, "entry", "entries")} found` : "";
}

/** The entry that is being read is marked in the contents. */
function follow(sections) {
  const links = new Map(sections.flatMap((one) => one.entries.map(({ element, link }) => [element, link])));
  const watcher = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      if (!isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      const link = links.get(target);
      link.setAttribute("aria-current", "location");
      if (contents.scrollHeight > contents.clientHeight) {
        const { offsetTop, offsetHeight } = link;
        const isSeen = offsetTop > contents.scrollTop && offsetTop + offsetHeight < contents.scrollTop + contents.clientHeight;
        if (!isSeen) contents.scrollTop = offsetTop - contents.clientHeight / 2;
      }
    }
  }, { rootMargin: "-18% 0px -76% 0px" });
  for (const element of links.keys()) watcher.observe(element);
}

function go() {
  if (location.hash.length < 2) return;
  document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

try {
  const sections = draw(await api("openapi.json"));
  find.addEventListener("input", () => filter(sections, find.value));
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== find && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      find.focus();
    }
    if (event.key === "Escape" && document.activeElement === find && find.value) {
      find.value = "";
      filter(sections, "");
    }
  });
  // A link to something that finding has hidden shows everything again.
  addEventListener("hashchange", () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.hidden) {
      find.value = "";
      filter(sections, "");
      go();
    }
  });
  follow(sections);
  go();
} catch (error) {
  main.replaceChildren(h("p", { class: "form-error", role: "alert" }, error.message));
}
