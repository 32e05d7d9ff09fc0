import { expect, test } from "vitest";
import { cellAt, move, shade } from "./heat";

test("shades", () => {
  expect(shade(null, "wait", 0)).toBe(0);
  expect(shade(600_000, "wait", 0)).toBe(1);
  expect(shade(1, "wait", 0)).toBe(0.05);
  expect(shade(25, "failed", 100)).toBe(0.5);
});

test("cells by pointer and by keys", () => {
  expect(cellAt(105, 30, 100, 10, 20, 3, 60)).toEqual({ row: 1, column: 0 });
  expect(cellAt(90, 30, 100, 10, 20, 3, 60)).toBeNull();
  expect(move(null, "ArrowUp", 3, 60)).toEqual({ row: 0, column: 59 });
  expect(move({ row: 2, column: 5 }, "ArrowDown", 3, 60)).toEqual({ row: 2, column: 5 });
  expect(move({ row: 2, column: 5 }, "Home", 3, 60)).toEqual({ row: 2, column: 0 });
  expect(move(null, "x", 3, 60)).toBeNull();
});
