import { expect, test } from "vitest";
import { millis, runningOver, sum, waitingOver } from "./activity";

const none = { created: 0, started: 0, completed: 0, failed: 0, retried: 0, cancelled: 0 };

test("waiting and running jobs are counted back from now", () => {
  const points = [
    { ...none, created: 5, started: 2 },
    { ...none, started: 3, completed: 4 },
    { ...none, created: 1 },
  ];
  expect(waitingOver(points, 1)).toEqual([3, 0, 1]);
  expect(runningOver(points, 1)).toEqual([2, 1, 1]);
});

test("spans and sums", () => {
  expect(millis("00:00:01.5000000")).toBe(1500);
  expect(millis(null)).toBeNull();
  expect(sum([1, null, 2])).toBe(3);
});
