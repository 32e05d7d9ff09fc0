import { expect, test } from "vitest";
import { mergeBy } from "./merge";

test("changes keep the order and the fields that they do not have", () => {
  const list = [{ name: "a", pending: 1, workers: 3 }, { name: "b", pending: 2, workers: 4 }];
  expect(mergeBy(list, [{ name: "b", pending: 9 }, { name: "c", pending: 1 }], "name")).toEqual([
    { name: "a", pending: 1, workers: 3 },
    { name: "b", pending: 9, workers: 4 },
    { name: "c", pending: 1 },
  ]);
});
