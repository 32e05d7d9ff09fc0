import { expect, it } from "vitest";
import { jsonOf, RawJson } from "./raw-json";

it("typed JSON keeps all digits", () => {
  const value = { input: { type: "A", parameters: new RawJson('{"id": 12345678901234567890, "x": 1.10}') }, key: "$&" };
  expect(jsonOf(value)).toBe('{"input":{"type":"A","parameters":{"id": 12345678901234567890, "x": 1.10}},"key":"$&"}');
});

it("other values are as JSON.stringify writes them", () => {
  const value = { text: 'a "quoted" text', none: null, list: [1, true] };
  expect(jsonOf(value)).toBe(JSON.stringify(value));
});
