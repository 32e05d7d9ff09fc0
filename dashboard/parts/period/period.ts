// Periods of pages: relative or fixed in the address.
import { parseFrom } from "../../app/time/time";

/** Relative periods that are offered. */
export const periods = ["-15m", "-1h", "-6h", "-24h", "-7d", "-30d", "-90d"] as const;

export interface Period {
  from: number;
  to: number;
  /** True if the end is now. */
  isOpen: boolean;
}

/** The period of an address; `fallback` if it has none or an invalid one. */
export function periodOf(query: Record<string, string>, fallback: string, now: number): Period {
  const end = query["to"] === undefined ? null : parseFrom(query["to"], now);
  const to = end ?? now;
  const from = parseFrom(query["from"] ?? fallback, now) ?? parseFrom(fallback, now) ?? now - 3_600_000;
  return from < to ? { from, to, isOpen: end === null } : { from: to - 3_600_000, to, isOpen: end === null };
}

/** The period before, of the same length. */
export function before({ from, to }: Period): Period {
  return { from: from - (to - from), to: from, isOpen: false };
}

export type Step = "S5" | "M1" | "M15" | "H1" | "D1";

/** Length of a step in milliseconds. */
export const lengths: Record<Step, number> = { S5: 5_000, M1: 60_000, M15: 900_000, H1: 3_600_000, D1: 86_400_000 };

/**
 * Step of a series with at most some hundred points. Steps of seconds are kept for an hour, of minutes for a day, and
 * neither is counted by type.
 */
export function stepOf({ from, to }: Period, now: number, isByType = false): Step {
  const length = to - from;
  // A margin for the time that a request takes.
  const age = now - from - 60_000;
  if (!isByType && length <= 20 * 60_000 && age <= 3_600_000) return "S5";
  if (!isByType && length <= 12 * 3_600_000 && age <= 86_400_000) return "M1";
  if (length <= 8 * 86_400_000) return "M15";
  return length <= 32 * 86_400_000 ? "H1" : "D1";
}

/** Step of percentiles, which quarters of an hour do not have. */
export function bandsOf(step: Step): Step {
  return step === "M15" ? "H1" : step;
}

/** True if counts are larger by a factor that chance does not explain. */
export function hasRisen(value: number, previous: number): boolean {
  return value - previous > 3 * Math.sqrt(previous + 1) && value > 1.3 * previous;
}
