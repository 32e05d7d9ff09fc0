// The filter of the list: its text, its terms, and what the server is asked for.
import { term } from "../../parts/list/term";

export const statuses = ["PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"] as const;
export type Status = (typeof statuses)[number];

/** A term of a filter's text, without the spaces around it. */
export interface Term {
  text: string;
  start: number;
  end: number;
}

/** The terms of a filter: separated by spaces outside of quotes. */
export function termsOf(text: string): Term[] {
  const terms: Term[] = [];
  for (const match of text.matchAll(/(?:"(?:[^"\\]|\\.)*"?|[^\s"])+/g)) {
    terms.push({ text: match[0], start: match.index, end: match.index + match[0].length });
  }
  return terms;
}

/** The filter without one of its terms. */
export function without(text: string, index: number): string {
  return termsOf(text)
    .filter((_, other) => other !== index)
    .map((one) => one.text)
    .join(" ");
}

/** The statuses of the address; unknown ones are left out. */
export function statusesOf(text: string | undefined): Status[] {
  const wanted = (text ?? "").toUpperCase().split(",");
  return statuses.filter((status) => wanted.includes(status));
}

/** The whole filter as the server reads it. */
export function queryOf(q: string, wanted: readonly Status[]): string {
  const status = wanted.length === 0 ? "" : `status:${wanted.join(",").toLowerCase()}`;
  return [q.trim(), status].filter((part) => part !== "").join(" ");
}

/** Fields of the filter language, for completion. */
export const fields = [
  "id", "status", "type", "queue", "name", "priority", "error", "unique", "recurring", "worker", "node", "attempts", "retries",
  "created", "due", "started", "finished", "duration", "tag", "param.",
] as const;

/** Values by field that are known for completion. */
export type Known = Partial<Record<string, readonly string[]>>;

/** What can stand in place of the term at the end of the text before the cursor. */
export function completionsOf(before: string, known: Known): { from: number; texts: string[] } {
  const last = termsOf(before).at(-1);
  const current = last?.end === before.length ? last : undefined;
  const text = current?.text ?? "";
  const from = current?.start ?? before.length;
  if (text.startsWith('"')) return { from, texts: [] };
  const [, sign = "", field, typed = ""] = /^(-?)([a-z]+):(.*)$/s.exec(text) ?? [];
  if (field === undefined) {
    const start = text.replace(/^-/, "");
    if (start === "") return { from, texts: [] };
    const prefix = text.startsWith("-") ? "-" : "";
    return { from, texts: fields.filter((name) => name.startsWith(start.toLowerCase())).map((name) => (name.endsWith(".") ? prefix + name : `${prefix}${name}:`)) };
  }
  const parts = typed.split(",");
  const value = (parts.pop() ?? "").toLowerCase();
  const earlier = parts.length === 0 ? "" : `${parts.join(",")},`;
  const values = (known[field] ?? []).filter((one) => one.toLowerCase().includes(value) && one.toLowerCase() !== value);
  return { from, texts: values.slice(0, 8).map((one) => `${sign}${field}:${earlier}${term(field, one).slice(field.length + 1)}`) };
}

/** The event by which a job may begin to meet the filter. */
export function arrivals(wanted: readonly Status[]): ("CREATED" | "STARTED" | "COMPLETED" | "FAILED" | "CANCELLED" | "RETRYING")[] {
  if (wanted.length === 0) return ["CREATED"];
  return wanted.flatMap((status) => (status === "PENDING" ? (["CREATED", "RETRYING"] as const) : status === "RUNNING" ? (["STARTED"] as const) : [status]));
}
