// One request of the API: what it does, what it takes, what it answers, and how one tries it.

import { at } from "../base.js";
import { h } from "../dom.js";
import { fields, fieldsOf, mentioned, shapeLink, typeOf } from "./shapes.js";
import { block, json, line, paragraphs } from "./words.js";

const CODES = { 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 206: "Partial Content", 304: "Not Modified" };

/** All requests of the document: [{id, method, path, tag, told}], in its order. */
export function operationsOf(document) {
  const found = [];
  for (const [path, each] of Object.entries(document.paths)) {
    for (const [method, told] of Object.entries(each)) {
      found.push({ id: told.operationId, method: method.toUpperCase(), path, tag: told.tags[0], told });
    }
  }
  return found;
}

/** What finding looks through, in small letters. */
export function searchText({ method, path, tag, told }) {
  const names = (told.parameters ?? []).map((one) => one.name);
  const shapes = [...mentioned(told.requestBody), ...mentioned(told.responses)];
  const words = [method, path, tag, told.summary, told.description, ...names, ...shapes, ...Object.keys(told.responses)];
  return words.join(" ").toLowerCase();
}

export function verb(method) {
  return h("span", { class: `verb verb-${method.toLowerCase()}` }, method);
}

/** The path, its variable parts set apart; it may break behind each slash. */
export function pathWords(path) {
  const parts = path.split(/(\{\w+\})/);
  return parts.map((part) => (part.startsWith("{") ? h("var", {}, part.slice(1, -1)) : part.split(/(?<=\/)/).flatMap((one) => [one, h("wbr")])));
}

export function operationView(operation, document) {
  const { id, method, path, told } = operation;
  const heading = h("h3", { id: `${id}-title` }, h("a", { class: "anchor", href: `#${id}` }, told.summary.replace(/\.$/, "")));
  const address = h("p", { class: "address" }, verb(method), h("code", {}, pathWords(path)));
  const words = h("div", { class: "words" }, heading, address, access(told), paragraphs((told.description ?? "").replace("For administrators.", "")), asked(told, document), answers(told, document));
  const code = h("div", { class: "tries" }, curl(operation), examples(told));
  return h("article", { id, class: "operation", "aria-labelledby": `${id}-title` }, words, code);
}

function access({ security, description = "" }) {
  if (!security?.length) return h("p", { class: "access" }, h("span", { class: "badge" }, "Open to everybody"));
  const isAdmins = description.includes("For administrators.");
  const needsCsrf = security.some((one) => "csrf" in one);
  return h("p", { class: "access" }, h("span", { class: isAdmins ? "badge strong" : "badge" }, isAdmins ? "Administrators" : "Signed in"), needsCsrf && h("span", { class: "badge" }, "CSRF token with the cookie"));
}

function asked({ parameters = [], requestBody }, document) {
  const rows = (place) => parameters.filter((one) => one.in === place).map((one) => ({ name: one.name, schema: one.schema, description: one.description ?? "", note: one.required && "needed" }));
  const titles = { path: "In the path", query: "Behind the question mark", header: "Headers" };
  const tables = Object.entries(titles).map(([place, title]) => rows(place).length > 0 && fields(rows(place), title));
  const schema = requestBody?.content["application/json"]?.schema;
  if (schema) tables.push(fieldsOf(resolved(schema, document), "Body, JSON"));
  return tables;
}

function resolved(schema, document) {
  return schema.$ref ? document.components.schemas[schema.$ref.split("/").pop()] : schema;
}

function answers({ responses }, document) {
  const row = ([status, response]) => {
    const problem = response.$ref && document.components.responses[response.$ref.split("/").pop()];
    const content = Object.entries(response.content ?? {});
    const schema = content[0]?.[1].schema;
    const kinds = content.map(([kind]) => kind).filter((kind) => kind !== "application/json");
    const what = schema ? typeOf(schema) : kinds.length ? [kinds.join(", ")] : [];
    const words = problem ? problem.description : response.description === CODES[status] ? "" : response.description;
    const sort = status < "300" ? "good" : status < "400" ? "same" : "bad";
    return h("div", { class: "answer" }, h("dt", { class: `status status-${sort}` }, status), h("dd", {}, what.length > 0 && h("span", { class: "type" }, what), words && h("span", { class: "told" }, line(words))));
  };
  const mayFail = Object.values(responses).some((one) => one.$ref);
  const problems = mayFail && h("p", { class: "hint" }, "From 400 on the body is a ", shapeLink("Problem"), ".");
  return h("div", { class: "fields" }, h("h4", {}, "Answers"), h("dl", {}, Object.entries(responses).map(row)), problems);
}

/** The request as a command line. */
function curl({ method, path, told }) {
  const { parameters = [], requestBody, security } = told;
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => (parameters.find((one) => one.name === name)?.schema.type === "integer" ? "1" : name.toUpperCase()));
  const query = parameters.filter((one) => one.in === "query" && one.required).map((one) => `${one.name}=${encodeURIComponent(one.schema.examples?.[0] ?? "text")}`);
  const address = `${location.origin}${at(filled)}${query.length ? `?${query.join("&")}` : ""}`;
  const words = ["curl"];
  if (method !== "GET" && !(method === "POST" && requestBody)) words.push(`-X ${method}`); // --json is a POST
  if (security?.length) words.push('-H "Authorization: Bearer $TOKEN"');
  const example = requestBody?.content["application/json"]?.example;
  if (example) words.push(`--json '${JSON.stringify(example).replaceAll("'", "'\\''")}'`);
  if (Object.values(told.responses)[0]?.content?.["image/webp"]) words.push("-o cover");
  words.push(`'${address}'`);
  return block("Try it", words.length > 2 ? words.join(" \\\n  ") : words.join(" "));
}

function examples({ requestBody, responses }) {
  const blocks = [];
  const body = requestBody?.content["application/json"]?.example;
  if (body !== undefined) blocks.push(block("Body", json(body)));
  for (const [status, response] of Object.entries(responses)) {
    const example = response.content?.["application/json"]?.example;
    if (status < "300" && example !== undefined && Object.keys(example).length) blocks.push(block(`Answer ${status}`, json(example)));
  }
  return blocks;
}
