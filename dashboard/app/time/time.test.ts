import { describe, expect, it } from "vitest";
import { formatRelative, formatSpan, instantsOf, localOf, parseFrom, parseSpan } from "./time";

describe("durations", () => {
  it.each([
    ["00:00:00.0005", "0.5 ms"],
    ["00:00:00.8500000", "850 ms"],
    ["00:00:01.2", "1.2 s"],
    ["00:00:59.96", "1 min 00 s"],
    ["00:03:04", "3 min 04 s"],
    ["02:05:00", "2 h 05 min"],
    ["2.03:00:00", "2 d 3 h"],
    ["-00:00:02", "−2 s"],
  ])("%s is %s", (text, expected) => {
    expect(formatSpan(parseSpan(text), "en")).toBe(expected);
  });

  it("have the decimal separator of the language", () => {
    expect(formatSpan(1200, "de")).toBe("1,2 s");
  });
});

describe("local times", () => {
  it("that are skipped have no instant", () => {
    expect(instantsOf("2026-03-29T02:30", "Europe/Berlin")).toEqual([]);
    expect(instantsOf("2026-10-04T02:15", "Australia/Lord_Howe")).toEqual([]);
    expect(instantsOf("2011-12-30T12:00", "Pacific/Apia")).toEqual([]);
  });

  it("that occur twice have two instants", () => {
    expect(instantsOf("2026-10-25T02:30", "Europe/Berlin").map((at) => new Date(at).toISOString())).toEqual([
      "2026-10-25T00:30:00.000Z",
      "2026-10-25T01:30:00.000Z",
    ]);
  });

  it("are those of the instant from which they were made", () => {
    for (const zone of ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns"]) {
      for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2026, 11, 31); at += 31 * 3_600_000) {
        expect(instantsOf(localOf(at, zone), zone)).toContain(at);
      }
    }
  });
});

describe("periods", () => {
  it("start at a relative or an absolute time", () => {
    expect(parseFrom("-1h", 7_200_000)).toBe(3_600_000);
    expect(parseFrom("2026-01-01T00:00:00Z", 0)).toBe(Date.UTC(2026, 0, 1));
    expect(parseFrom("yesterday", 0)).toBeNull();
  });

  it("are relative in the units of the reader", () => {
    expect(formatRelative(0, 125_000, "en")).toBe("2 min. ago");
    expect(formatRelative(26 * 60_000, 0, "en")).toBe("in 26 min.");
  });
});
