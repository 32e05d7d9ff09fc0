import { expect, test } from "vitest";
import { rowsOf, type QueueRow } from "./tree";

const queue = (name: string, pendingJobs = 0): QueueRow => ({
  name, status: "RUNNING", pendingJobs, runningJobs: 1, completedJobs: 3, failedJobs: 1, workers: 2, throughput: { jobsPerMinute: 1, jobsPerHour: 5 },
});
const queues = [queue("mail", 5), queue("billing.eu", 1), queue("billing.us:fast", 2), queue("billing.us:slow", 9), queue("a.only")];

test("groups have sums, and single names are no groups", () => {
  const rows = rowsOf(queues, "name", new Set());
  expect(rows.map(({ label, depth, pending, queues: count }) => [label, depth, pending, count])).toEqual([
    ["a.only", 0, 0, 1],
    ["billing.", 0, 12, 3],
    ["eu", 1, 1, 1],
    ["us:", 1, 11, 2],
    ["fast", 2, 2, 1],
    ["slow", 2, 9, 1],
    ["mail", 0, 5, 1],
  ]);
  expect(rows[1]?.success).toBe(75);
});

test("folded groups hide their queues, and each level is sorted", () => {
  expect(rowsOf(queues, "-pending", new Set(["billing.us:"])).map(({ path }) => path)).toEqual(["billing.", "billing.us:", "billing.eu", "mail", "a.only"]);
});
