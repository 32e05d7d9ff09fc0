// Marks and filters of failures.

export interface Failure {
  fingerprint: string;
  type: string;
  reason: string;
  count: number;
  firstSeen: string | null;
  lastSeen: string | null;
}

export type MarkName = "new" | "back" | "everywhere";

/**
 * Marks of a kind of failures: new if it was first seen in the period, back if it was silent for the day before,
 * everywhere if several types have its reason.
 */
export function marksOf(failure: Failure, all: readonly Failure[], from: number, dayBefore: ReadonlySet<string>): MarkName[] {
  const first = failure.firstSeen === null ? null : Date.parse(failure.firstSeen);
  const marks: MarkName[] = [];
  if (first !== null && first >= from) marks.push("new");
  else if (first !== null && first < from - 86_400_000 && !dayBefore.has(failure.fingerprint)) marks.push("back");
  if (all.some(({ reason, type }) => reason === failure.reason && type !== failure.type)) marks.push("everywhere");
  return marks;
}

/** Orders rows by a field, descending with a leading `-`. */
export function sorted<Row extends Failure & { share: number | null }>(rows: readonly Row[], sort: string): Row[] {
  const field = sort.replace(/^-/, "");
  const sign = sort.startsWith("-") ? -1 : 1;
  const value = (row: Row): number | string => {
    if (field === "type") return row.type;
    if (field === "share") return row.share ?? 0;
    if (field === "first") return Date.parse(row.firstSeen ?? "1970-01-01");
    if (field === "last") return Date.parse(row.lastSeen ?? "1970-01-01");
    return row.count;
  };
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    return sign * (typeof a === "string" ? a.localeCompare(String(b)) : a - (b as number)) || other.count - one.count;
  });
}

/** Granularity of a trend: hours for up to 14 days. */
export function granularityOf(from: number, to: number): "HOUR" | "DAY" {
  return to - from <= 13 * 86_400_000 ? "HOUR" : "DAY";
}

/** The time at which a trend began: the first step with failures after the last pause of at least six steps. */
export function beginOf(trend: readonly { date: string; count: number }[]): string | null {
  let begin: string | null = null;
  let silent = Number.POSITIVE_INFINITY;
  for (const { date, count } of trend) {
    if (count > 0) {
      if (silent >= 6) begin = date;
      silent = 0;
    } else silent += 1;
  }
  return begin;
}
