// Formats in the language, zone and style of the preferences. Reading them in a template makes it follow changes.
import { clock } from "./time/clock.svelte";
import { preferences } from "./preferences.svelte";
import { formatRelative, formatSpan, formatTime, parseSpan, type TimeStyle } from "./time/time";

/** The zone of the whole page. */
export function zone(): string {
  return preferences.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The language of texts. */
export function language(): "en" | "de" {
  return preferences.language ?? (navigator.language.startsWith("de") ? "de" : "en");
}

/** The locale of numbers and times: the browser's, if it is of the language of texts. */
export function locale(): string {
  return navigator.language.startsWith(language()) ? navigator.language : language();
}

/** An instant in the zone of the page. */
export function time(at: string | number, style: TimeStyle = "seconds"): string {
  return formatTime(typeof at === "number" ? at : Date.parse(at), style, zone(), locale());
}

/** Time since or until an instant, counted on every second. */
export function relative(at: string | number): string {
  return formatRelative(typeof at === "number" ? at : Date.parse(at), clock.now, locale());
}

/** A duration: .NET's format, or milliseconds. */
export function span(value: string | number): string {
  return formatSpan(typeof value === "number" ? value : parseSpan(value), locale());
}

/** The maximum of a count in GraphQL; it stands for all larger counts. */
const MAX = 2_147_483_647;

/** A number with separators. */
export function number(value: number, options: Intl.NumberFormatOptions = {}): string {
  const text = new Intl.NumberFormat(locale(), options).format(value);
  return value >= MAX ? `> ${text}` : text;
}

/** A number with at most four characters: `1,204` is `1.2K`. */
export function compact(value: number): string {
  return number(value, { notation: "compact", maximumFractionDigits: 1 });
}

/** A percentage with at most one decimal. */
export function percent(value: number): string {
  return number(value / 100, { style: "percent", maximumFractionDigits: 1 });
}

/** A size in bytes. */
export function bytes(value: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(units.length - 1, value < 1 ? 0 : Math.floor(Math.log10(value) / 3));
  return number(value / 1000 ** power, {
    style: "unit",
    unit: units[power] ?? "byte",
    unitDisplay: power === 0 ? "long" : "short",
    maximumFractionDigits: 1,
  });
}

/** A list in words. */
export function list(values: string[]): string {
  return new Intl.ListFormat(locale(), { type: "conjunction" }).format(values);
}
