import { expect, it } from "vitest";
import { Batches } from "./batches";

it("a batch has the last event of each entity, and counts all", () => {
  const batches = new Batches();
  for (let n = 1; n <= 9; n += 1) batches.add(1, { queue: { name: `q${n % 3}`, n } }, "queue.name");
  const batch = batches.take()?.[1];
  expect(batch?.count).toBe(9);
  expect(batch?.events).toEqual([7, 8, 9].map((n) => ({ queue: { name: `q${n % 3}`, n } })));
  expect(batches.take()).toBeNull();
});

it("a batch without a key is bounded", () => {
  const batches = new Batches();
  for (let n = 0; n < 5_000; n += 1) batches.add(1, n, null);
  const batch = batches.take()?.[1];
  expect(batch?.count).toBe(5_000);
  expect(batch?.events).toHaveLength(200);
});
