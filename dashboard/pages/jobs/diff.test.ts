import { expect, test } from "vitest";
import { diffOf } from "./diff";

test("changed lines are removed and added", () => {
  expect(diffOf("a\nb\nc", "a\nx\nc")).toEqual([
    { kind: "same", text: "a" },
    { kind: "removed", text: "b" },
    { kind: "added", text: "x" },
    { kind: "same", text: "c" },
  ]);
});

test("equal parts are folded", () => {
  const lines = Array.from({ length: 20 }, (_, index) => String(index));
  expect(diffOf(lines.join("\n"), lines.join("\n"))).toEqual([{ kind: "folded", text: "20" }]);
  expect(diffOf(lines.join("\n"), [...lines, "new"].join("\n")).map(({ kind }) => kind)).toEqual(["folded", "same", "same", "same", "added"]);
});
