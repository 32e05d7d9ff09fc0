// Job types as rows: what ran in the period, and what is there now.
import { millis } from "../../parts/chart/activity";

interface Percentiles { p50: string; p95: string; p99: string }
export interface Metrics {
  type: string;
  totalExecutions: number;
  successRate: number;
  executionTime: Percentiles;
  waitTime: Percentiles;
}
interface Count { value: string; count: number }

export interface TypeRow {
  type: string;
  executions: number;
  success: number | null;
  run50: number | null;
  run95: number | null;
  run99: number | null;
  wait95: number | null;
  pending: number;
  running: number;
  failed: number;
  workers: number;
  isUnhandled: boolean;
}

/** One row a type that ran in the period or has jobs. */
export function rowsOf(
  metrics: readonly Metrics[],
  counts: { pending: readonly Count[]; running: readonly Count[]; failed: readonly Count[] },
  workers: readonly { status: string; types: readonly string[] }[],
  unhandled: ReadonlySet<string>,
): TypeRow[] {
  const byType = new Map(metrics.map((one) => [one.type, one]));
  const counted = (list: readonly Count[]): Map<string, number> => new Map(list.map(({ value, count }) => [value, count]));
  const [pending, running, failed] = [counted(counts.pending), counted(counts.running), counted(counts.failed)];
  const types = new Set([...byType.keys(), ...pending.keys(), ...running.keys(), ...failed.keys()]);
  return [...types].map((type) => {
    const one = byType.get(type);
    const hasRun = one !== undefined && one.totalExecutions > 0;
    return {
      type,
      executions: one?.totalExecutions ?? 0,
      success: hasRun ? one.successRate : null,
      run50: hasRun ? millis(one.executionTime.p50) : null,
      run95: hasRun ? millis(one.executionTime.p95) : null,
      run99: hasRun ? millis(one.executionTime.p99) : null,
      wait95: hasRun ? millis(one.waitTime.p95) : null,
      pending: pending.get(type) ?? 0,
      running: running.get(type) ?? 0,
      failed: failed.get(type) ?? 0,
      workers: workers.filter((worker) => worker.status === "LIVE" && worker.types.includes(type)).length,
      isUnhandled: unhandled.has(type),
    };
  });
}

/** Rows in the order of a field, descending with a leading `-`. */
export function sortRows(rows: readonly TypeRow[], sort: string): TypeRow[] {
  const field = sort.replace(/^-/, "") as keyof TypeRow;
  const sign = sort.startsWith("-") ? -1 : 1;
  return [...rows].sort((one, other) => {
    if (field === "type") return sign * one.type.localeCompare(other.type);
    return sign * (Number(one[field] ?? -1) - Number(other[field] ?? -1)) || one.type.localeCompare(other.type);
  });
}
