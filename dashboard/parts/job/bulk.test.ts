import { expect, test } from "vitest";
import { addCounts, filtersOf, split } from "./bulk";

test("jobs with other statuses are passed over", () => {
  const counts = [{ value: "failed", count: 3 }, { value: "running", count: 2 }, { value: "cancelled", count: 1 }, { value: "pending", count: 0 }];
  expect(split("retry", counts)).toEqual({ count: 4, passedOver: [{ value: "running", count: 2 }] });
  expect(split("cancel", counts).count).toBe(2);
});

test("chosen jobs are changed by a hundred", () => {
  const ids = Array.from({ length: 250 }, (_, index) => String(index));
  expect(filtersOf(ids).map((filter) => filter.split(",").length)).toEqual([100, 100, 50]);
});

test("numbers by the same value are added", () => {
  expect(addCounts([[{ value: "a", count: 1 }], [{ value: "b", count: 5 }, { value: "a", count: 2 }]])).toEqual([{ value: "b", count: 5 }, { value: "a", count: 3 }]);
});
