import { expect, test } from "vitest";
import { beginOf, granularityOf, marksOf, sorted } from "./rules";

const from = Date.parse("2026-12-01T00:00:00Z");
const failure = (fingerprint: string, changes: object = {}) => ({ fingerprint, type: "A", reason: fingerprint, count: 1, firstSeen: "2026-12-01T01:00:00Z", lastSeen: "2026-12-01T02:00:00Z", share: null, ...changes });

test("marks", () => {
  const all = [failure("a"), failure("b", { firstSeen: "2026-11-01T00:00:00Z" }), failure("c", { firstSeen: "2026-11-01T00:00:00Z", reason: "a", type: "B" })];
  expect(all.map((one) => marksOf(one, all, from, new Set(["c"])))).toEqual([["new", "everywhere"], ["back"], ["everywhere"]]);
});

test("order", () => {
  const rows = [failure("a", { count: 2 }), failure("b", { count: 9 }), failure("c", { count: 5, lastSeen: null })];
  expect(sorted(rows, "-count").map(({ fingerprint }) => fingerprint)).toEqual(["b", "c", "a"]);
  expect(sorted(rows, "last").map(({ fingerprint }) => fingerprint)).toEqual(["c", "b", "a"]);
});

test("a trend begins after its last pause", () => {
  const trend = [1, 0, 0, 0, 0, 0, 0, 3, 0, 2].map((count, index) => ({ date: String(index), count }));
  expect(beginOf(trend)).toBe("7");
  expect(beginOf([])).toBeNull();
  expect(granularityOf(0, 86_400_000)).toBe("HOUR");
});
