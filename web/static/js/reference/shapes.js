// Schemas in words: what type a field has, and tables of fields.

import { h } from "../dom.js";
import { line } from "./words.js";

const SIMPLE = { integer: "whole number", number: "number", string: "text", boolean: "true or false", null: "null" };
const nameOf = (ref) => ref.slice(ref.lastIndexOf("/") + 1);

/** Page_Album_ is how a document writes "a page of Album". */
export function shapeTitle(name) {
  return name.replace(/^(\w+?)_(\w+)_$/, "$1 of $2");
}

export function shapeLink(name) {
  return h("a", { class: "link", href: `#shape-${name}` }, shapeTitle(name));
}

/** The names of all shapes that a schema mentions itself. */
export function mentioned(schema) {
  return [...JSON.stringify(schema ?? {}).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]);
}

/** A schema's type as nodes: "list of Album", "text or null", "1 … 500". */
export function typeOf(schema) {
  if (schema.$ref) return [shapeLink(nameOf(schema.$ref))];
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return either.flatMap((one, n) => (n ? [" or ", ...typeOf(one)] : typeOf(one)));
  if (schema.enum) return schema.enum.flatMap((one, n) => (n ? [" ", h("code", {}, one)] : [h("code", {}, one)]));
  if (schema.type === "array") return ["list of ", ...typeOf(schema.items ?? {})];
  if (schema.type === "object") {
    const values = schema.additionalProperties;
    return values && typeof values === "object" ? ["object of ", ...typeOf(values)] : ["object"];
  }
  return [SIMPLE[schema.type] ?? "anything"];
}

/** Bounds that are worth telling; those of 64 bits are not. */
function bounds(schema) {
  const one = schema.anyOf?.find((each) => each.type !== "null") ?? schema;
  const big = Number.MAX_SAFE_INTEGER;
  if (one.maximum !== undefined && one.maximum < big) return `${one.minimum ?? 0} to ${one.maximum}`;
  if (one.minLength && one.maxLength) return `${one.minLength} to ${one.maxLength} characters`;
  if (one.maxLength && one.maxLength < 1000) return `at most ${one.maxLength} characters`;
  return null;
}

function described(schema) {
  return schema.description ?? schema.anyOf?.find((one) => one.description)?.description ?? "";
}

/** One row: [{name, schema, description, note}] where `note` is a word such as "needed". */
export function fields(rows, title) {
  const row = ({ name, schema, description, note }) => {
    const words = description ?? described(schema);
    const facts = [bounds(schema), schema.default !== undefined && schema.default !== null && `by default ${JSON.stringify(schema.default)}`];
    const told = [words, ...facts].filter(Boolean).join("; ");
    const mark = note && h("em", { class: note === "needed" ? "note needed" : "note" }, note);
    return h("div", { class: "field" }, h("dt", {}, h("code", {}, name), mark), h("dd", {}, h("span", { class: "type" }, typeOf(schema)), told && h("span", { class: "told" }, line(told))));
  };
  return h("div", { class: "fields" }, title && h("h4", {}, title), h("dl", {}, rows.map(row)));
}

/** The fields of a shape: of a body what has to be given is marked, of an answer what may be missing. */
export function fieldsOf(schema, title = null) {
  const needed = new Set(schema.required ?? []);
  const isAsked = schema.additionalProperties === false;
  const note = (name) => (isAsked ? needed.has(name) && "needed" : !needed.has(name) && "at times");
  const rows = Object.entries(schema.properties ?? {}).map(([name, one]) => ({ name, schema: one, note: note(name) }));
  return fields(rows, title);
}
