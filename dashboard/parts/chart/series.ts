// Data of charts as rules without a browser: tables, CSV, sentences.

/** A line of a chart. Values belong to the chart's times; null is a gap. */
export interface Series {
  key: string;
  label: string;
  /** Token of the colour, such as `failed`. */
  colour: string;
  values: (number | null)[];
  isDashed?: boolean;
  isFilled?: boolean;
  /** Key of the series below; the area between both is filled. */
  over?: string;
}

/** What the values of a chart are. Spans are milliseconds, percentages are 0 to 100. */
export type Unit = "count" | "span" | "percent";

/** An event at a time. */
export interface Mark {
  at: number;
  label: string;
}

/** CSV by RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe. */
export function toCsv(head: string[], rows: (string | number | null)[][]): string {
  const cell = (value: string | number | null): string => {
    if (value === null) return "";
    if (typeof value === "number") return String(value);
    const text = /^[=+\-@\t]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

/** Index and value of the highest value; null if there is none. */
export function peak(values: (number | null)[]): { index: number; value: number } | null {
  let highest: { index: number; value: number } | null = null;
  values.forEach((value, index) => {
    if (value !== null && (highest === null || value > highest.value)) highest = { index, value };
  });
  return highest;
}

/** Index of the last value; null if there is none. */
export function last(values: (number | null)[]): number | null {
  for (let index = values.length - 1; index >= 0; index -= 1) if (values[index] !== null) return index;
  return null;
}

/** Values for a logarithmic scale, which has no zero. */
export function positive(values: (number | null)[]): (number | null)[] {
  return values.map((value) => (value !== null && value > 0 ? value : null));
}

/** Index of a time for arrow keys: bounded by the first and the last one. */
export function step(index: number | null, delta: number, count: number): number | null {
  if (count === 0) return null;
  if (index === null) return delta < 0 ? count - 1 : 0;
  return Math.max(0, Math.min(count - 1, index + delta));
}

/** Indices of values between gaps, which no line shows. */
export function isolated(values: ArrayLike<number | null | undefined>): number[] {
  const has = (index: number): boolean => values[index] !== null && values[index] !== undefined;
  return Array.from({ length: values.length }, (_, index) => index).filter((index) => has(index) && !has(index - 1) && !has(index + 1));
}

/** A duration with one unit, for axes. */
export function shortSpan(milliseconds: number): string {
  const rounded = (value: number): string => String(Math.round(value * 10) / 10);
  if (milliseconds < 1000) return `${rounded(milliseconds)} ms`;
  if (milliseconds < 600_000) return `${rounded(milliseconds / 1000)} s`;
  if (milliseconds < 36_000_000) return `${Math.round(milliseconds / 60_000)} min`;
  return milliseconds < 172_800_000 ? `${Math.round(milliseconds / 3_600_000)} h` : `${Math.round(milliseconds / 86_400_000)} d`;
}
