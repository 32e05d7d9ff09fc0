import { expect, test } from "vitest";
import { JsonError, memberOf, parseJson, pathsOf, pathText, rowsOf, writeJson } from "./json";

test("numbers keep their digits and keys their order", () => {
  const text = '{"b":12345678901234567890,"a":[1.0,-2e+5,"x\\n\\u0041",null,true,{},[]]}';
  expect(writeJson(parseJson(text))).toBe(text.replace("\\u0041", "A"));
});

test("an error names its position", () => {
  for (const [text, position] of [["{", 1], ["[1,]", 3], ['{"a" 1}', 5], ["01", 1], ["", 0], ['"\n"', 0]] as const) {
    let error: unknown = null;
    try {
      parseJson(text);
    } catch (caught) {
      error = caught;
    }
    expect(error, text).toBeInstanceOf(JsonError);
    expect((error as JsonError).position, text).toBe(position);
  }
});

test("indented text has the same value", () => {
  const json = parseJson('{"a":{"b":[1,2]},"c":{}}');
  expect(parseJson(writeJson(json, 2))).toEqual(json);
});

test("a tree has the lines of its open members", () => {
  const json = parseJson('{"a":{"b/c":[1,2]},"d":3}');
  expect(rowsOf(json, new Set([""])).map(({ path }) => path)).toEqual(["", "/a", "/d"]);
  expect(pathsOf(json)).toEqual(["", "/a", "/a/b~1c"]);
  expect(rowsOf(json, new Set(pathsOf(json))).at(-1)?.key).toBe("d");
  expect(pathText("/a/b~1c/0")).toBe('a["b/c"][0]');
});

test("a null member is none", () => {
  expect(memberOf(parseJson('{"a":null,"b":1}'), "a")).toBeNull();
  expect(memberOf(parseJson('{"a":null,"b":1}'), "b")).toEqual({ kind: "number", text: "1" });
});
