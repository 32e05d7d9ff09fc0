import { expect, test } from "vitest";
import { find, idIn, rank, withRecent, type Entry } from "./entries";

const entry = (label: string, group: Entry["group"] = "queues"): Entry => ({ key: `${group} ${label}`, group, label });

test("exact names come first, then beginnings, then beginnings of words", () => {
  expect(find([entry("my.mail"), entry("email"), entry("mailer"), entry("mail")], "mail", 5).map(({ label }) => label)).toEqual(["mail", "mailer", "my.mail", "email"]);
  expect(rank("Read again", "again read")).toBe(2);
  expect(rank("Jobs", "queue")).toBeNull();
});

test("> finds actions alone", () => {
  const all = [entry("Pause", "actions"), entry("pause")];
  expect(find(all, "> pau", 5)).toEqual([all[0]]);
  expect(find(all, "pau", 5)).toHaveLength(2);
});

test("ids are found in addresses", () => {
  expect(idIn("https://host/a/dashboard/jobs/01963B5E-7d3a-7c1e-9f43-0d2f6b1a9c55?attempt=2")).toBe("01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55");
  expect(idIn("mail")).toBeNull();
});

test("recent pages are kept once", () => {
  expect(withRecent([{ address: "a" }, { address: "b" }], { address: "b" })).toEqual([{ address: "b" }, { address: "a" }]);
});
