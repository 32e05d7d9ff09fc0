// Reads JSON without changing it: numbers keep all their digits, keys keep their order.

/** A value of JSON. Numbers and literals are the text that was read. */
export type Json =
  | { kind: "object"; entries: [key: string, value: Json][] }
  | { kind: "array"; items: Json[] }
  | { kind: "string"; value: string }
  | { kind: "number" | "literal"; text: string };

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\r\n]*/y;
const LITERAL = /true|false|null/y;
/** Values that are nested more deeply are rejected. */
const DEPTH_MAX = 500;

/** A text that is not JSON. */
export class JsonError extends Error {
  constructor(readonly position: number) {
    super(`invalid JSON at character ${String(position + 1)}`);
  }
}

/** Parses a text as JSON. */
export function parseJson(text: string): Json {
  let at = 0;
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found === undefined) return null;
    at += found.length;
    return found;
  };
  const skip = (): void => {
    take(SPACE);
  };
  const has = (character: string): boolean => {
    skip();
    if (text[at] !== character) return false;
    at += 1;
    return true;
  };
  const expect = (character: string): void => {
    if (!has(character)) throw new JsonError(at);
  };
  const string = (): string => {
    skip();
    const start = at;
    const found = take(STRING);
    if (found === null) throw new JsonError(start);
    return found.includes("\\") ? (JSON.parse(found) as string) : found.slice(1, -1);
  };
  const value = (depth: number): Json => {
    skip();
    if (depth > DEPTH_MAX) throw new JsonError(at);
    const character = text[at];
    if (character === "{") {
      at += 1;
      const entries: [string, Json][] = [];
      if (has("}")) return { kind: "object", entries };
      do {
        const key = string();
        expect(":");
        entries.push([key, value(depth + 1)]);
      } while (has(","));
      expect("}");
      return { kind: "object", entries };
    }
    if (character === "[") {
      at += 1;
      const items: Json[] = [];
      if (has("]")) return { kind: "array", items };
      do items.push(value(depth + 1));
      while (has(","));
      expect("]");
      return { kind: "array", items };
    }
    if (character === '"') return { kind: "string", value: string() };
    const number = take(NUMBER);
    if (number !== null) return { kind: "number", text: number };
    const literal = take(LITERAL);
    if (literal !== null) return { kind: "literal", text: literal };
    throw new JsonError(at);
  };
  const result = value(0);
  skip();
  if (at < text.length) throw new JsonError(at);
  return result;
}

/** Writes a value as JSON; with an indent, on several lines. */
export function writeJson(json: Json, indent = 0, depth = 0): string {
  const space = indent === 0 ? "" : `\n${" ".repeat(indent * (depth + 1))}`;
  const end = indent === 0 ? "" : `\n${" ".repeat(indent * depth)}`;
  switch (json.kind) {
    case "object": {
      if (json.entries.length === 0) return "{}";
      const colon = indent === 0 ? ":" : ": ";
      return `{${json.entries.map(([key, item]) => `${space}${JSON.stringify(key)}${colon}${writeJson(item, indent, depth + 1)}`).join(",")}${end}}`;
    }
    case "array":
      if (json.items.length === 0) return "[]";
      return `[${json.items.map((item) => `${space}${writeJson(item, indent, depth + 1)}`).join(",")}${end}]`;
    case "string":
      return JSON.stringify(json.value);
    default:
      return json.text;
  }
}

/** The value of a key of an object; null if there is none, or if it is null. */
export function memberOf(json: Json, key: string): Json | null {
  if (json.kind !== "object") return null;
  const found = json.entries.find(([name]) => name === key)?.[1];
  return found === undefined || (found.kind === "literal" && found.text === "null") ? null : found;
}

/** A line of the tree. */
export interface TreeRow {
  /** Keys and indexes from the root, as a JSON pointer. */
  path: string;
  depth: number;
  /** Key or index; null at the root. */
  key: string | null;
  json: Json;
  /** Number of members; null for values without members. */
  size: number | null;
  isOpen: boolean;
}

const pointer = (path: string, key: string): string => `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** Number of members of a value; null if it cannot have any. */
export function sizeOf(json: Json): number | null {
  return json.kind === "object" ? json.entries.length : json.kind === "array" ? json.items.length : null;
}

/** The lines of a tree whose members with these paths are open. */
export function rowsOf(root: Json, open: ReadonlySet<string>): TreeRow[] {
  const rows: TreeRow[] = [];
  const add = (json: Json, path: string, depth: number, key: string | null): void => {
    const size = sizeOf(json);
    const isOpen = size !== null && open.has(path);
    rows.push({ path, depth, key, json, size, isOpen });
    if (!isOpen) return;
    if (json.kind === "object") for (const [name, item] of json.entries) add(item, pointer(path, name), depth + 1, name);
    if (json.kind === "array") json.items.forEach((item, index) => add(item, pointer(path, String(index)), depth + 1, String(index)));
  };
  add(root, "", 0, null);
  return rows;
}

/** The paths of all members that have members, outermost first, at most `limit`. */
export function pathsOf(root: Json, limit = Number.POSITIVE_INFINITY): string[] {
  const paths: string[] = [];
  let level: [Json, string][] = [[root, ""]];
  while (level.length > 0 && paths.length < limit) {
    const next: [Json, string][] = [];
    for (const [json, path] of level) {
      if ((sizeOf(json) ?? 0) === 0) continue;
      paths.push(path);
      if (json.kind === "object") for (const [name, item] of json.entries) next.push([item, pointer(path, name)]);
      if (json.kind === "array") json.items.forEach((item, index) => next.push([item, pointer(path, String(index))]));
    }
    level = next;
  }
  return paths.slice(0, limit);
}

/** A path as programs write it: `customer.items[0]`. */
export function pathText(path: string): string {
  return path
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((part, index) => (/^\d+$/.test(part) ? `[${part}]` : /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(part) ? `${index === 0 ? "" : "."}${part}` : `[${JSON.stringify(part)}]`))
    .join("");
}
