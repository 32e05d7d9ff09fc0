import { expect, test, vi } from "vitest";

vi.mock("../../parts/terms", () => ({ term: (field: string, value: string) => `${field}:${value}` }));
const { literalOf, queryOf } = await import("./rules");

test("the longest common part of the messages", () => {
  expect(literalOf("exited with status #: gateway timeout after # s for order #")).toBe(": gateway timeout after");
  expect(literalOf("#")).toBe("");
});

test("the filter has the type and the part", () => {
  expect(queryOf({ type: "Mail", reason: "no route to # host" })).toBe('status:failed type:Mail error:"no route to"');
  expect(queryOf({ type: "Mail", reason: "#" })).toBe("status:failed type:Mail");
});
