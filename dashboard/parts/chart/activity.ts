// Activity over time as numbers.
import { parseSpan } from "../../app/time/time";

export interface Counts {
  created: number;
  started: number;
  completed: number;
  failed: number;
  retried: number;
  cancelled: number;
}

/**
 * Numbers of waiting jobs at the ends of the steps: counted back from the present number. Cancelled jobs count as waiting
 * ones.
 */
export function waitingOver(points: readonly Counts[], now: number): number[] {
  let waiting = now;
  const counts: number[] = [];
  for (let index = points.length - 1; index >= 0; index -= 1) {
    counts.unshift(Math.max(0, waiting));
    const point = points[index];
    if (point !== undefined) waiting -= point.created + point.retried - point.started - point.cancelled;
  }
  return counts;
}

/** Numbers of running jobs at the ends of the steps, counted back from the present number. */
export function runningOver(points: readonly Counts[], now: number): number[] {
  let running = now;
  const counts: number[] = [];
  for (let index = points.length - 1; index >= 0; index -= 1) {
    counts.unshift(Math.max(0, running));
    const point = points[index];
    if (point !== undefined) running -= point.started - point.completed - point.failed - point.retried;
  }
  return counts;
}

/** Milliseconds of a span; null stays. */
export function millis(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : parseSpan(text);
}

/** Sum of the values; nulls count as zero. */
export function sum(values: readonly (number | null)[]): number {
  return values.reduce<number>((total, value) => total + (value ?? 0), 0);
}
