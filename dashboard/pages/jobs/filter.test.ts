import { expect, test } from "vitest";
import { completionsOf, queryOf, statusesOf, termsOf, without } from "./filter";

test("terms end at spaces outside of quotes", () => {
  const text = ' status:failed  name:"a b" -queue:x "c\\" d" ';
  expect(termsOf(text).map((term) => term.text)).toEqual(["status:failed", 'name:"a b"', "-queue:x", '"c\\" d"']);
  for (const { text: term, start, end } of termsOf(text)) expect(text.slice(start, end)).toBe(term);
});

test("a term is removed", () => {
  expect(without('status:failed name:"a b" x', 1)).toBe("status:failed x");
});

test("statuses of the address are those that exist", () => {
  expect(statusesOf("failed,nothing,cancelled")).toEqual(["FAILED", "CANCELLED"]);
  expect(statusesOf(undefined)).toEqual([]);
  expect(queryOf(" queue:a ", ["FAILED"])).toBe("queue:a status:failed");
  expect(queryOf("", [])).toBe("");
});

test("fields and values are completed", () => {
  const known = { queue: ["mail", "mail out"], status: ["failed"] };
  expect(completionsOf("st", known).texts).toEqual(["status:", "started:"]);
  expect(completionsOf("x status:f", known)).toEqual({ from: 2, texts: ["status:failed"] });
  expect(completionsOf("-queue:a,ma", known).texts).toEqual(["-queue:a,mail", '-queue:a,"mail out"']);
  expect(completionsOf("status:failed ", known).texts).toEqual([]);
});
