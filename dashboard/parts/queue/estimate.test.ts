import { expect, test } from "vitest";
import { afterPause, drain } from "./estimate";

test("an hour of pause adds what comes in an hour", () => {
  expect(afterPause({ pending: 14, running: 8, createdHour: 1200, finishedQuarter: 3300 })).toEqual({ waiting: 1214, minutes: 6 });
});

test("a queue that gets more than it finishes is never done", () => {
  expect(drain(10, 600, 100)).toBeNull();
  expect(drain(0, 600, 0)).toBe(0);
  expect(drain(1, 0, 1500)).toBe(1);
});
