// What the palette finds: rules as pure functions.
export interface Entry {
  /** Unique, and stable while one types. */
  key: string;
  group: "recent" | "views" | "pages" | "queues" | "types" | "schedules" | "workers" | "endpoints" | "ids" | "jobs" | "actions";
  label: string;
  /** Address of a page, or an action. */
  href?: string;
  run?: () => unknown;
  /** Why the action is not possible now. */
  impossible?: string | null;
}

/** How well a label fits: 0 is best, null does not fit. All words must occur. */
export function rank(label: string, text: string): number | null {
  const low = label.toLowerCase();
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (!words.every((word) => low.includes(word))) return null;
  const first = words[0] ?? "";
  if (low === text.toLowerCase()) return 0;
  if (low.startsWith(first)) return 1;
  return /[\s._:/-]/.test(low[low.indexOf(first) - 1] ?? "") ? 2 : 3;
}

/** The entries that fit, the best first within each group; groups keep their order. */
export function find(entries: readonly Entry[], text: string, perGroup: number): Entry[] {
  const isActions = text.startsWith(">");
  const wanted = (isActions ? text.slice(1) : text).trim();
  const fitting = entries
    .filter(({ group }) => !isActions || group === "actions")
    .map((entry) => ({ entry, rank: entry.group === "ids" || entry.group === "jobs" ? 0 : rank(entry.label, wanted) }))
    .filter((found): found is { entry: Entry; rank: number } => found.rank !== null);
  const groups = new Map<string, { entry: Entry; rank: number }[]>();
  for (const found of fitting) {
    const group = groups.get(found.entry.group) ?? [];
    group.push(found);
    groups.set(found.entry.group, group);
  }
  return [...groups.values()].flatMap((group) =>
    group.sort((one, other) => one.rank - other.rank).slice(0, isActions ? 50 : perGroup).map(({ entry }) => entry),
  );
}

/** The last UUID in a text, such as a pasted address. */
export function idIn(text: string): string | null {
  const all = text.match(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi);
  return all?.at(-1)?.toLowerCase() ?? null;
}

/** The newest first, each address once, at most ten. */
export function withRecent<Item extends { address: string }>(recent: readonly Item[], item: Item): Item[] {
  return [item, ...recent.filter(({ address }) => address !== item.address)].slice(0, 10);
}
