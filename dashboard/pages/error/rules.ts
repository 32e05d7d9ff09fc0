// The jobs of a kind of failures, as a filter.
import { term } from "../../parts/terms";

/** The longest part of a reason that stands in all its messages: `#` replaces what differs. */
export function literalOf(reason: string): string {
  return reason
    .split(/#+|…|"[^"]*"|'[^']*'/)
    .map((part) => part.trim())
    .reduce((longest, part) => (part.length > longest.length ? part : longest), "")
    .slice(0, 200);
}

/** Failed jobs of the type whose error has that part. */
export function queryOf({ type, reason }: { type: string; reason: string }): string {
  const literal = literalOf(reason);
  return `status:failed ${term("type", type)}${literal === "" ? "" : ` error:${JSON.stringify(literal)}`}`;
}
