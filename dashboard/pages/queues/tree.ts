// Queues as a tree by the parts of their names, with sums.

export interface QueueRow {
  name: string;
  status: "RUNNING" | "PAUSED";
  pendingJobs: number;
  runningJobs: number;
  completedJobs: number;
  failedJobs: number;
  workers: number;
  throughput: { jobsPerMinute: number; jobsPerHour: number };
}

export type Field = "name" | "pending" | "running" | "minute" | "hour" | "failed" | "success";

/** A row of the table: a queue, or a group of queues whose names begin alike. */
export interface Row {
  /** Name of the queue, or the common start with its separator. */
  path: string;
  /** The part of the name that the row adds to its parent's. */
  label: string;
  depth: number;
  queue: QueueRow | null;
  isOpen: boolean;
  queues: number;
  paused: number;
  pending: number;
  running: number;
  workers: number;
  minute: number;
  hour: number;
  failed: number;
  completed: number;
  /** Share of completed jobs among the finished ones, in percent; null if none has finished. */
  success: number | null;
}

function sums(queues: readonly QueueRow[]): Omit<Row, "path" | "label" | "depth" | "queue" | "isOpen"> {
  const total = (value: (queue: QueueRow) => number): number => queues.reduce((sum, queue) => sum + value(queue), 0);
  const completed = total((queue) => queue.completedJobs);
  const failed = total((queue) => queue.failedJobs);
  return {
    queues: queues.length,
    paused: queues.filter(({ status }) => status === "PAUSED").length,
    pending: total((queue) => queue.pendingJobs),
    running: total((queue) => queue.runningJobs),
    workers: total((queue) => queue.workers),
    minute: total((queue) => queue.throughput.jobsPerMinute),
    hour: total((queue) => queue.throughput.jobsPerHour),
    failed,
    completed,
    success: completed + failed === 0 ? null : (100 * completed) / (completed + failed),
  };
}

/** End of the first part of a name after a start, with its separator; null if the rest has no separator. */
function partEnd(name: string, start: number): number | null {
  const length = name.slice(start).search(/[.:]/);
  return length < 0 ? null : start + length + 1;
}

function compare(field: Field, isDescending: boolean): (one: Row, other: Row) => number {
  const byName = (one: Row, other: Row): number => one.path.localeCompare(other.path);
  if (field === "name") return (one, other) => (isDescending ? -byName(one, other) : byName(one, other));
  return (one, other) => {
    const difference = (one[field] ?? -1) - (other[field] ?? -1);
    return (isDescending ? -difference : difference) || byName(one, other);
  };
}

/** Rows of the table. A group has at least two queues; `folded` has the paths of those that are closed. */
export function rowsOf(queues: readonly QueueRow[], sort: string, folded: ReadonlySet<string>): Row[] {
  const order = compare(sort.replace(/^-/, "") as Field, sort.startsWith("-"));
  const level = (members: readonly QueueRow[], start: number, depth: number): Row[] => {
    const groups = new Map<string, QueueRow[]>();
    for (const queue of members) {
      const end = partEnd(queue.name, start);
      const path = end === null ? queue.name : queue.name.slice(0, end);
      groups.set(path, [...(groups.get(path) ?? []), queue]);
    }
    const rows = [...groups].map(([path, inside]): { row: Row; inside: QueueRow[] } => {
      const [only] = inside;
      const isQueue = inside.length === 1 && only !== undefined;
      const row: Row = {
        path: isQueue ? only.name : path,
        label: isQueue ? only.name.slice(start) : path.slice(start),
        depth,
        queue: isQueue ? only : null,
        isOpen: !folded.has(path),
        ...sums(inside),
      };
      return { row, inside };
    });
    return rows
      .sort((one, other) => order(one.row, other.row))
      .flatMap(({ row, inside }) => [row, ...(row.queue === null && row.isOpen ? level(inside, row.path.length, depth + 1) : [])]);
  };
  return level(queues, 0, 0);
}
