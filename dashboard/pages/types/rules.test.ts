import { expect, test } from "vitest";
import { rowsOf, sortRows } from "./rules";

const times = { p50: "00:00:01", p95: "00:00:02", p99: "00:00:03" };

test("types that ran and types that have jobs", () => {
  const rows = rowsOf(
    [{ type: "A", totalExecutions: 3, successRate: 66.7, executionTime: times, waitTime: times }],
    { pending: [{ value: "B", count: 5 }], running: [{ value: "A", count: 1 }], failed: [] },
    [{ status: "LIVE", types: ["A"] }, { status: "LOST", types: ["A", "B"] }],
    new Set(["B"]),
  );
  expect(rows.map(({ type, executions, run95, pending, running, workers, isUnhandled, success }) => [type, executions, run95, pending, running, workers, isUnhandled, success])).toEqual([
    ["A", 3, 2000, 0, 1, 1, false, 66.7],
    ["B", 0, null, 5, 0, 0, true, null],
  ]);
  expect(sortRows(rows, "-pending").map(({ type }) => type)).toEqual(["B", "A"]);
  expect(sortRows(rows, "-type").map(({ type }) => type)).toEqual(["B", "A"]);
});
