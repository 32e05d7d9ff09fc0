// Terms of the filter language, for links to lists of jobs.
import { href } from "../../app/navigation.svelte";
import { term } from "./term";

export { term };

/** Address of the list of jobs that a number counts. */
export function jobsHref(terms: Record<string, string | undefined>, status?: string): string {
  const q = Object.entries(terms)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([field, value]) => (/^[<>=]/.test(value) ? `${field}:${value}` : term(field, value)))
    .join(" ");
  return href("jobs", { q, status });
}
