import { describe, expect, it } from "vitest";
import { build, pages, parse, type PageName, type Place } from "./addresses";

const round = (place: Place) => {
  const [path = "", search = ""] = build(place).split("?");
  return parse(path, search);
};

const ids = ["01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55", "42"];
const values = ["mail", "a/b", "50%", "ü ß", "a&b=c", "+1", "#x", "\"quoted text\"", "‮abc"];

describe("addresses", () => {
  it("are parsed to the place from which they were built", () => {
    for (const page of Object.keys(pages) as PageName[]) {
      const isItem = parse(page, "").page === "unknown";
      for (const value of values) {
        const query = Object.fromEntries(pages[page].map((name) => [name, value]));
        for (const id of isItem ? ids : [undefined]) {
          const place = { page, ...(id === undefined ? {} : { id }), query };
          expect(round(place)).toEqual(place);
        }
      }
    }
  });

  it("name the overview at the mount", () => {
    expect(parse("", "")).toEqual({ page: "overview", query: {} });
    expect(build({ page: "overview", query: {} })).toBe("");
  });

  it("drop parameters that a page does not have", () => {
    expect(parse("settings", "?status=failed")).toEqual({ page: "settings", query: {} });
  });

  it.each(["nothing", "jobs/mail", "jobs/42/log", "job"])("lead to no page: %s", (path) => {
    expect(parse(path, "").page).toBe("unknown");
  });
});
