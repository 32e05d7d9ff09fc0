// Texts of JSON that is shown as a tree.
export const payload = {
  raw: "Text",
  show: "Show the values",
  save: "Save as a file",
  search: "Search in keys and values",
  expand: "Expand all",
  collapse: "Collapse",
  items: (count: number, text: string) => `[ ${text} ${count === 1 ? "item" : "items"} ]`,
  members: (count: number, text: string) => `{ ${text} ${count === 1 ? "key" : "keys"} }`,
  more: (lines: string) => `Show all ${lines} lines`,
};
