import { expect, test } from "vitest";
import { last, peak, positive, step, toCsv } from "./series";

test("CSV quotes separators and disarms formulas", () => {
  expect(toCsv(["a", "b"], [["x,\"y\"", 1.5], ["=1+1", null]])).toBe("a,b\r\n\"x,\"\"y\"\"\",1.5\r\n'=1+1,\r\n");
});

test("gaps have neither a peak nor a last value", () => {
  expect(peak([null, 3, 9, null])).toEqual({ index: 2, value: 9 });
  expect(peak([null])).toBeNull();
  expect(last([1, 2, null])).toBe(1);
  expect(last([])).toBeNull();
  expect(positive([0, 1, null])).toEqual([null, 1, null]);
});

test("arrow keys stay within the chart", () => {
  expect(step(null, 1, 5)).toBe(0);
  expect(step(null, -1, 5)).toBe(4);
  expect(step(4, 1, 5)).toBe(4);
  expect(step(0, -10, 5)).toBe(0);
  expect(step(0, 1, 0)).toBeNull();
});
