import { expect, test } from "vitest";
import { bandsOf, before, hasRisen, periodOf, stepOf } from "./period";

const now = Date.parse("2026-12-01T12:00:00Z");

test("an address without a period has the default", () => {
  expect(periodOf({}, "-1h", now)).toEqual({ from: now - 3_600_000, to: now, isOpen: true });
  expect(periodOf({ from: "nonsense" }, "-1h", now).from).toBe(now - 3_600_000);
});

test("fixed periods have an end, reversed ones an hour", () => {
  const fixed = periodOf({ from: "2026-11-30T00:00:00Z", to: "2026-12-01T00:00:00Z" }, "-1h", now);
  expect(fixed.isOpen).toBe(false);
  expect(before(fixed)).toEqual({ from: Date.parse("2026-11-29T00:00:00Z"), to: fixed.from, isOpen: false });
  const reversed = periodOf({ from: "2026-12-01T00:00:00Z", to: "2026-11-30T00:00:00Z" }, "-1h", now);
  expect(reversed.to - reversed.from).toBe(3_600_000);
});

test("steps keep a series below 1,000 points", () => {
  for (const text of ["-15m", "-1h", "-6h", "-24h", "-7d", "-30d", "-90d"]) {
    const period = periodOf({ from: text }, "-1h", now);
    const sizes = { S5: 5, M1: 60, M15: 900, H1: 3600, D1: 86_400 };
    expect((period.to - period.from) / 1000 / sizes[stepOf(period, now)]).toBeLessThanOrEqual(1000);
  }
});

test("small changes of counts are chance", () => {
  expect(hasRisen(4, 2)).toBe(false);
  expect(hasRisen(400, 200)).toBe(true);
});

test("steps are those that the server keeps", () => {
  const old = periodOf({ from: "2026-11-20T00:00:00Z", to: "2026-11-20T00:10:00Z" }, "-1h", now);
  expect(stepOf(old, now)).toBe("M15");
  expect(stepOf(periodOf({}, "-1h", now), now)).toBe("M1");
  expect(stepOf(periodOf({}, "-1h", now), now, true)).toBe("M15");
  expect(bandsOf("M15")).toBe("H1");
  expect(bandsOf("M1")).toBe("M1");
});
