// Changes of entities that live updates deliver, applied in their places.

/** Replaces the entities of a list that have changed; the order stays, and new ones are added at the end. */
export function mergeBy<Item extends object>(list: readonly Item[], changes: readonly Partial<Item>[], key: keyof Item): Item[] {
  const byKey = new Map(changes.map((change) => [change[key], change]));
  const merged = list.map((item) => {
    const change = byKey.get(item[key]);
    byKey.delete(item[key]);
    return change === undefined ? item : { ...item, ...change };
  });
  return [...merged, ...([...byKey.values()] as Item[])];
}
