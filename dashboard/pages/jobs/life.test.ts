import { expect, test } from "vitest";
import { lifeOf, retryWaits } from "./life";

const at = (seconds: number): string => new Date(Date.UTC(2030, 0, 1) + seconds * 1000).toISOString();
const now = Date.parse(at(1000));

test("attempts and the waits between them fill the whole", () => {
  const parts = lifeOf(
    {
      status: "FAILED", createdAt: at(0), runAt: at(60), completedAt: at(62),
      attempts: [
        { number: 1, status: "FAILED", startedAt: at(1), completedAt: at(3) },
        { number: 2, status: "FAILED", startedAt: at(60), completedAt: at(62) },
      ],
    },
    now,
  );
  expect(parts.map(({ kind }) => kind)).toEqual(["waiting", "attempt", "backoff", "attempt"]);
  expect(parts.map(({ isFolded }) => isFolded)).toEqual([false, false, true, false]);
  expect(parts.reduce((sum, { width }) => sum + width, 0)).toBeCloseTo(100);
});

test("a delayed job is planned until it is due", () => {
  const job = { status: "COMPLETED", createdAt: at(0), runAt: at(10), completedAt: at(13), attempts: [{ number: 1, status: "COMPLETED", startedAt: at(11), completedAt: at(13) }] };
  expect(lifeOf(job, now).map(({ kind }) => kind)).toEqual(["planned", "waiting", "attempt"]);
  expect(lifeOf({ ...job, status: "PENDING", runAt: at(2000), completedAt: null, attempts: [] }, now).map(({ kind }) => kind)).toEqual(["planned"]);
});

test("retries wait twice as long each time, or as the intervals say", () => {
  expect(retryWaits(1000, null, 1, 4)).toEqual([2000, 4000, 8000]);
  expect(retryWaits(1000, [5, 10], 0, 3)).toEqual([5, 10, 10]);
  expect(retryWaits(null, null, 0, 3)).toEqual([]);
});
