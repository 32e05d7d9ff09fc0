import { expect, test } from "vitest";
import { aligned, changeOf, granularitiesOf, isKept, stepFor, zoomed } from "./rules";

const DAY = 86_400_000;
const period = (days: number) => ({ from: 0, to: days * DAY, isOpen: true });

test("granularities have at most 2,000 points, and are those that the server keeps", () => {
  expect(granularitiesOf(period(1), DAY, false)).toEqual(["minute", "quarter", "hour"]);
  expect(granularitiesOf(period(1), DAY, true)).toEqual(["quarter", "hour"]);
  expect(granularitiesOf(period(1), 9 * DAY, false)).toEqual(["quarter", "hour"]);
  expect(granularitiesOf(period(400), 400 * DAY, false)).toEqual(["day"]);
  expect(stepFor(period(7), "hour", 7 * DAY, false)).toBe("H1");
  expect(stepFor(period(400), "minute", 400 * DAY, false)).toBe("D1");
  expect(stepFor(period(7), undefined, 7 * DAY, false)).toBe("M15");
  expect(isKept(0, "M1", 2 * DAY)).toBe(false);
  expect(isKept(0, "H1", 2 * DAY)).toBe(true);
});

test("the period before is aligned by steps", () => {
  expect(aligned([{ n: 1 }, { n: 2 }], 3, ({ n }) => n)).toEqual([1, 2, null]);
});

test("zoom stays before now and within 400 days", () => {
  const now = 10 * DAY;
  expect(zoomed({ from: 4 * DAY, to: 8 * DAY, isOpen: false }, "in", now)).toEqual({ from: 5 * DAY, to: 7 * DAY });
  expect(zoomed({ from: 8 * DAY, to: 10 * DAY, isOpen: false }, "later", now)).toEqual({ from: 8 * DAY, to: 10 * DAY });
  const wide = zoomed({ from: -500 * DAY, to: 10 * DAY, isOpen: false }, "out", now);
  expect(wide.to - wide.from).toBe(400 * DAY);
});

test("changes in percent", () => {
  expect(changeOf(150, 100)).toBe(50);
  expect(changeOf(1, 0)).toBeNull();
});
