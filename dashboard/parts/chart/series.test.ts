import { expect, test } from "vitest";
import { isolated, last, peak, positive, shortSpan, step, toCsv } from "./series";

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

test("single values between gaps", () => {
  expect(isolated([1, null, 2, 3, null, 4])).toEqual([0, 5]);
});

test("spans of axes have one unit", () => {
  expect([5, 1000, 100_000, 1_000_000, 86_400_000, 864_000_000].map(shortSpan)).toEqual(["5 ms", "1 s", "100 s", "17 min", "24 h", "10 d"]);
});
