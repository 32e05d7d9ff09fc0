import { expect, test } from "vitest";
import { isZone, parseSettings, zones } from "./stored";

test("settings are checked field by field", () => {
  expect(parseSettings('{"theme":"dark","zone":"Europe/Berlin","views":[{"name":"a","address":"jobs"}],"other":1}')).toEqual({
    theme: "dark", zone: "Europe/Berlin", views: [{ name: "a", address: "jobs" }],
  });
  for (const text of ["", "[]", "null", '{"theme":"pink"}', '{"zone":"Mars/Base"}', '{"views":[{"name":1}]}', '{"columns":{"jobs":[1]}}']) expect(parseSettings(text)).toBeNull();
});

test("zones are those of the browser", () => {
  expect(zones()).toContain("UTC");
  expect(isZone("Australia/Lord_Howe")).toBe(true);
  expect(isZone("")).toBe(false);
});
