// Periods of the history: granularities, comparison and zoom.
import { lengths, stepOf, type Period, type Step } from "../../parts/period/period";

const words: Record<string, Step> = { minute: "M1", quarter: "M15", hour: "H1", day: "D1" };

/** Most points of a series. */
const MOST = 2_000;

/** Granularities that a period may have, by the words of the address. Minutes are kept for a day, and not by type. */
export function granularitiesOf(period: Period, now: number, isByType: boolean): string[] {
  const length = period.to - period.from;
  return Object.entries(words)
    .filter(([, step]) => step !== "M1" || (!isByType && now - period.from <= 86_460_000))
    .filter(([, step]) => length / lengths[step] <= MOST && length / lengths[step] >= 2)
    .map(([word]) => word);
}

/** The step of a granularity, or one that suits the period. */
export function stepFor(period: Period, granularity: string | undefined, now: number, isByType: boolean): Step {
  const step = granularity === undefined ? undefined : words[granularity];
  return step !== undefined && granularity !== undefined && granularitiesOf(period, now, isByType).includes(granularity) ? step : stepOf(period, now, isByType);
}

/** True if the period before is kept with this step. */
export function isKept(from: number, step: Step, now: number): boolean {
  const kept = { S5: 3_600_000, M1: 86_400_000 }[step as string];
  return kept === undefined || now - from <= kept;
}

/** Values of the period before at the times of the period: aligned at the first step, with gaps where there are none. */
export function aligned<Point>(before: readonly Point[], count: number, value: (point: Point) => number | null): (number | null)[] {
  return Array.from({ length: count }, (_, index) => {
    const point = before[index];
    return point === undefined ? null : value(point);
  });
}

/** A period that is shifted or scaled around its middle, at most 400 days and not in the future. */
export function zoomed({ from, to }: Period, action: "in" | "out" | "earlier" | "later", now: number): { from: number; to: number } {
  const length = to - from;
  const middle = from + length / 2;
  const shift = length / 2;
  const next = {
    in: { from: middle - length / 4, to: middle + length / 4 },
    out: { from: middle - length, to: middle + length },
    earlier: { from: from - shift, to: to - shift },
    later: { from: from + shift, to: to + shift },
  }[action];
  const end = Math.min(next.to, now);
  const size = Math.max(60_000, Math.min(next.to - next.from, 400 * 86_400_000));
  return { from: Math.round(end - size), to: Math.round(end) };
}

/** Change from the period before, in percent; null without one. */
export function changeOf(value: number, before: number | null): number | null {
  return before === null || before === 0 ? null : (100 * (value - before)) / before;
}
