// Actions on many jobs: what they apply to, and the requests they need.
export type BulkKind = "cancel" | "retry" | "delete";

/** Statuses of the jobs that an action changes; others are passed over. */
export const applies: Record<BulkKind, readonly string[]> = {
  cancel: ["pending", "running"],
  retry: ["failed", "cancelled"],
  delete: ["completed", "failed", "cancelled"],
};

/** Number of jobs above which the number is typed to confirm. */
export const TYPED = 1000;
/** Number of jobs that one request changes at most. */
export const CALL_MAX = 10_000;
/** Number of ids in one term of a filter. */
const IDS_MAX = 100;

/** A number of jobs by a value of a field. */
export interface Count {
  value: string;
  count: number;
}

/** Splits the numbers by status into those that the action changes and those that it passes over. */
export function split(kind: BulkKind, byStatus: readonly Count[]): { count: number; passedOver: Count[] } {
  const sum = (counts: readonly Count[]): number => counts.reduce((total, { count }) => total + count, 0);
  return {
    count: sum(byStatus.filter(({ value }) => applies[kind].includes(value))),
    passedOver: byStatus.filter(({ value, count }) => count > 0 && !applies[kind].includes(value)),
  };
}

/** The filters of the requests for chosen jobs: at most 100 ids each. */
export function filtersOf(ids: readonly string[]): string[] {
  const filters: string[] = [];
  for (let start = 0; start < ids.length; start += IDS_MAX) filters.push(`id:${ids.slice(start, start + IDS_MAX).join(",")}`);
  return filters;
}

/** Adds numbers by the same value. */
export function addCounts(lists: readonly (readonly Count[])[]): Count[] {
  const sums = new Map<string, number>();
  for (const { value, count } of lists.flat()) sums.set(value, (sums.get(value) ?? 0) + count);
  return [...sums].map(([value, count]) => ({ value, count })).sort((one, other) => other.count - one.count);
}
