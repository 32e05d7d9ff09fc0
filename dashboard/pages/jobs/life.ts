// A job's life as parts of time.

export interface LifeJob {
  status: string;
  createdAt: string;
  runAt: string;
  completedAt: string | null;
  attempts: readonly { number: number; status: string; startedAt: string; completedAt: string | null }[];
}

export interface LifePart {
  kind: "planned" | "waiting" | "attempt" | "backoff";
  /** Number and status of an attempt. */
  attempt: number | null;
  status: string | null;
  from: number;
  to: number;
  /** Width in percent of the whole. */
  width: number;
  /** True if it is drawn shorter than it was. */
  isFolded: boolean;
}

type Bare = Omit<LifePart, "width" | "isFolded">;

/** A part is at least this wide, in percent, and a wait at most this many times as long as all attempts. */
const WIDTH_MIN = 3;
const FOLD = 3;

function bareParts(job: LifeJob, now: number): Bare[] {
  const parts: Bare[] = [];
  const add = (kind: LifePart["kind"], from: number, to: number, attempt: number | null = null, status: string | null = null): void => {
    if (to > from || kind === "attempt") parts.push({ kind, attempt, status, from, to: Math.max(from, to) });
  };
  const created = Date.parse(job.createdAt);
  const first = job.attempts[0];
  const isRetried = job.attempts.length > 0;
  const due = Date.parse(job.runAt);
  let at = created;
  if (first !== undefined) {
    const start = Date.parse(first.startedAt);
    // The due time is that of the last attempt: it tells the first one's wait only if there is no other.
    if (job.attempts.length === 1 && job.status !== "PENDING" && due > created && due < start) {
      add("planned", created, due);
      add("waiting", due, start);
    } else add("waiting", created, start);
    at = start;
  }
  for (const attempt of job.attempts) {
    const start = Date.parse(attempt.startedAt);
    if (start > at && attempt !== first) add("backoff", at, start);
    const end = attempt.completedAt === null ? now : Date.parse(attempt.completedAt);
    add("attempt", start, end, attempt.number, attempt.status);
    at = end;
  }
  if (job.status === "PENDING") {
    add(isRetried ? "backoff" : "planned", at, Math.min(due, now));
    add("waiting", Math.max(at, due), now);
  } else if (first === undefined && job.completedAt !== null) {
    const end = Date.parse(job.completedAt);
    add("planned", created, Math.min(due, end));
    add("waiting", Math.max(created, due), end);
  }
  return parts;
}

/** The parts of a job's life, with widths that follow time; long waits are folded. */
export function lifeOf(job: LifeJob, now: number): LifePart[] {
  const parts = bareParts(job, now);
  const length = ({ from, to }: Bare): number => to - from;
  const ran = parts.filter(({ kind }) => kind === "attempt").reduce((sum, part) => sum + length(part), 0);
  const limit = ran === 0 ? Number.POSITIVE_INFINITY : ran * FOLD;
  const weights = parts.map((part) => (part.kind === "attempt" ? length(part) : Math.min(length(part), limit)));
  const total = weights.reduce((sum, weight) => sum + weight, 0) || 1;
  const raised = weights.map((weight) => Math.max(WIDTH_MIN, (100 * weight) / total));
  const sum = raised.reduce((all, weight) => all + weight, 0);
  return parts.map((part, index) => ({
    ...part,
    width: (100 * (raised[index] ?? 0)) / sum,
    isFolded: part.kind !== "attempt" && length(part) > limit,
  }));
}

/** The next waits of a job's retries, in milliseconds, first to last. */
export function retryWaits(delay: number | null, intervals: readonly number[] | null, retryCount: number, maxRetries: number): number[] {
  const waits: number[] = [];
  for (let retry = retryCount; retry < Math.min(maxRetries, retryCount + 10); retry += 1) {
    const wait = intervals !== null && intervals.length > 0 ? intervals[Math.min(retry, intervals.length - 1)] : delay === null ? undefined : delay * 2 ** retry;
    if (wait === undefined) break;
    waits.push(wait);
  }
  return waits;
}
