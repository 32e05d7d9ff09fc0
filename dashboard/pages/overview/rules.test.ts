import { expect, test } from "vitest";
import { leadOf, nextOccurrences, rankQueues } from "./rules";

const queue = (name: string, changes: object = {}) => ({
  name, status: "RUNNING" as const, pendingJobs: 0, runningJobs: 0, workers: 2, throughput: { jobsPerMinute: 0, jobsPerHour: 0 }, ...changes,
});

test("queues that need a look come before busy ones", () => {
  const queues = [
    queue("idle"),
    queue("busiest", { throughput: { jobsPerMinute: 9, jobsPerHour: 500 } }),
    queue("full", { pendingJobs: 3, runningJobs: 2 }),
    queue("late", { pendingJobs: 1 }),
    queue("held", { status: "PAUSED", pendingJobs: 1 }),
    queue("held-empty", { status: "PAUSED" }),
  ];
  expect(rankQueues(queues, new Set(["late"]), 4).map(({ queue: { name }, concern }) => [name, concern])).toEqual([
    ["held", "paused"], ["late", "latency"], ["full", "busy"], ["busiest", null],
  ]);
});

test("a reason leads to what it names", () => {
  expect(leadOf("queue-latency", "a due job of the queue 'mail' has waited")).toEqual({ page: "queue", name: "mail" });
  expect(leadOf("failure-rate", "")).toEqual({ page: "errors" });
  expect(leadOf("storage-corrupt", "")).toEqual({ page: "health" });
});

test("occurrences of the next hour", () => {
  const now = Date.parse("2026-12-01T12:00:00Z");
  const schedule = (times: string[], enabled = true) => ({ enabled, nextRuns: times });
  const found = nextOccurrences(
    [schedule(["2026-12-01T12:30:00Z", "2026-12-01T14:00:00Z"]), schedule(["2026-12-01T12:10:00Z", "2026-12-01T12:20:00Z"]), schedule(["2026-12-01T12:01:00Z"], false)],
    now,
    now + 3_600_000,
  );
  expect(found.map(({ at, count, isMore }) => [at, count, isMore])).toEqual([
    ["2026-12-01T12:10:00Z", 2, true],
    ["2026-12-01T12:30:00Z", 1, false],
  ]);
});
