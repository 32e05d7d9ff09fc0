import { expect, test } from "vitest";
import { windowOf } from "./window";

test("a window has all rows of a short list", () => {
  expect(windowOf(5, 40, -200, 800)).toEqual({ first: 0, end: 5, before: 0, after: 0 });
});

test("the heights around a window add up to the list", () => {
  for (const above of [-500, 0, 3000, 399_000, 900_000]) {
    const { first, end, before, after } = windowOf(10_000, 40, above, 800);
    expect(before + (end - first) * 40 + after).toBe(400_000);
    expect(end - first).toBeLessThan(60);
  }
});
