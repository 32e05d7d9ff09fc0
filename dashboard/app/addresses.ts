// The addresses of all pages: one table, from which addresses are parsed and built. At most two segments follow the
// mount: a word, and an id that is a UUID or a number. Names that people have chosen are in the query.

/** Parameters of each page's query. A page's words are the keys of this table. */
export const pages = {
  overview: [],
  jobs: ["q", "status", "order", "columns", "peek", "view", "at"],
  job: ["attempt", "against", "at", "tab"],
  "new-job": ["like"],
  errors: ["from", "to", "type", "queue", "sort"],
  error: ["fingerprint", "from", "to"],
  queues: ["view", "text", "sort", "measure"],
  queue: ["name", "from"],
  types: ["text", "sort", "from", "to", "queue"],
  type: ["name", "from", "to"],
  schedules: ["text", "enabled", "sort"],
  schedule: [],
  "new-schedule": ["like"],
  calendar: ["view", "from", "zone", "queue"],
  workers: ["view"],
  worker: [],
  webhooks: [],
  webhook: ["status", "event"],
  delivery: [],
  history: ["from", "to", "granularity", "queue", "type", "compare"],
  audit: ["actor", "action", "job", "from", "to"],
  operations: [],
  operation: [],
  health: [],
  settings: [],
  "sign-in": ["next"],
} as const;

export type PageName = keyof typeof pages;

/** Pages of one thing, and the word of the list below which their address is. */
const items: Partial<Record<PageName, string>> = {
  job: "jobs",
  schedule: "schedules",
  worker: "workers",
  webhook: "webhooks",
  delivery: "deliveries",
  operation: "operations",
};

/** A page with its id and its query. Defaults are left out. */
export interface Place {
  page: PageName;
  id?: string;
  query: Record<string, string>;
}

/** A place that no page has. */
export interface Unknown {
  page: "unknown";
  path: string;
}

const isId = (text: string): boolean => /^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]{1,19})$/i.test(text);

const isPage = (word: string): word is PageName => Object.hasOwn(pages, word);

/** Parses the part of an address after the mount. Parameters that the page does not have are dropped. */
export function parse(path: string, search: string): Place | Unknown {
  const segments = path.split("/").filter((segment) => segment !== "");
  const [word = "overview", id] = segments;
  let page: PageName | undefined;
  if (segments.length <= 1) {
    page = isPage(word) && items[word] === undefined ? word : undefined;
  } else if (segments.length === 2 && id !== undefined && isId(id)) {
    page = (Object.keys(items) as PageName[]).find((item) => items[item] === word);
  }
  if (page === undefined) return { page: "unknown", path };
  const known: readonly string[] = pages[page];
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(search)) {
    if (known.includes(name) && value !== "") query[name] = value;
  }
  return { page, ...(id === undefined ? {} : { id }), query };
}

/** The part of an address after the mount. */
export function build({ page, id, query }: Place): string {
  const list = items[page];
  const path = list === undefined ? (page === "overview" ? "" : page) : `${list}/${id ?? ""}`;
  const known: readonly string[] = pages[page];
  const search = new URLSearchParams();
  for (const name of known) {
    const value = query[name];
    if (value !== undefined && value !== "") search.set(name, value);
  }
  const text = search.toString();
  return text === "" ? path : `${path}?${text}`;
}
