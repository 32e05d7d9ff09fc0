// Which queues come first, and where a reason of the health leads.

export interface QueueNumbers {
  name: string;
  status: "RUNNING" | "PAUSED";
  pendingJobs: number;
  runningJobs: number;
  workers: number;
  throughput: { jobsPerMinute: number; jobsPerHour: number };
}

export type Concern = "paused" | "latency" | "busy" | null;

/** Why a queue needs a look; null if it does not. `late` has the queues that the health names. */
export function concernOf(queue: QueueNumbers, late: ReadonlySet<string>): Concern {
  if (queue.status === "PAUSED" && queue.pendingJobs > 0) return "paused";
  if (late.has(queue.name)) return "latency";
  if (queue.pendingJobs > 0 && queue.runningJobs >= queue.workers && queue.workers > 0) return "busy";
  return null;
}

const order: Concern[] = ["paused", "latency", "busy", null];

/** Queues that need a look, then the busiest. */
export function rankQueues<Queue extends QueueNumbers>(queues: readonly Queue[], late: ReadonlySet<string>, count = 10): { queue: Queue; concern: Concern }[] {
  return queues
    .map((queue) => ({ queue, concern: concernOf(queue, late) }))
    .sort(
      (one, other) =>
        order.indexOf(one.concern) - order.indexOf(other.concern) ||
        other.queue.runningJobs - one.queue.runningJobs ||
        other.queue.throughput.jobsPerHour - one.queue.throughput.jobsPerHour ||
        other.queue.pendingJobs - one.queue.pendingJobs ||
        one.queue.name.localeCompare(other.queue.name),
    )
    .slice(0, count);
}

/** Names in quotes of a message of the server. */
export function namesIn(message: string): string[] {
  return [...message.matchAll(/'([^']+)'/g)].map(([, name]) => name ?? "");
}

/** The page that a reason of the health leads to, with what it names. */
export function leadOf(code: string, message: string): { page: "queue" | "jobs" | "errors" | "workers" | "health"; name?: string } {
  const [name] = namesIn(message);
  if (code.startsWith("queue-") && name !== undefined) return { page: "queue", name };
  if (code === "job-types-nobody-runs" && name !== undefined) return { page: "jobs", name };
  if (code === "failure-rate") return { page: "errors" };
  if (code.startsWith("nodes-") || code.startsWith("node-")) return { page: "workers" };
  return { page: "health" };
}

/** Occurrences of schedules before an end, the next first. */
export function nextOccurrences<Schedule extends { enabled: boolean; nextRuns: readonly string[] }>(
  schedules: readonly Schedule[],
  now: number,
  end: number,
): { schedule: Schedule; at: string; count: number; isMore: boolean }[] {
  return schedules
    .flatMap((schedule) => {
      const times = schedule.enabled ? schedule.nextRuns.filter((at) => Date.parse(at) >= now - 1000 && Date.parse(at) < end) : [];
      const [at] = times;
      return at === undefined ? [] : [{ schedule, at, count: times.length, isMore: times.length > 1 && times.length === schedule.nextRuns.length }];
    })
    .sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}
