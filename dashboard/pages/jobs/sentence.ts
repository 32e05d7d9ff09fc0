// Sentences of the server about a job, in the zone of the page.
import { time } from "../../app/format.svelte";

const INSTANT = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** A sentence of the server: its instants in the zone of the page, beginning with a capital letter. */
export function sentence(text: string): string {
  const shown = text.replace(INSTANT, (instant) => time(instant, "seconds"));
  return shown.charAt(0).toUpperCase() + shown.slice(1) + (/[.!?]$/.test(shown) ? "" : ".");
}
