// Merges events between two deliveries to the page.
import type { Batch } from "./protocol";

/** Events kept for each subscription between two deliveries, without a key. The count includes the others. */
const KEPT = 200;

function at(event: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, name) => (value as Record<string, unknown> | null | undefined)?.[name], event);
}

/** Events of subscriptions since the last delivery. */
export class Batches {
  #pending = new Map<number, { count: number; events: Map<unknown, unknown> }>();

  /** Adds an event; with a key it replaces an earlier one of the same entity. */
  add(id: number, event: unknown, key: string | null): void {
    let pending = this.#pending.get(id);
    if (pending === undefined) {
      pending = { count: 0, events: new Map() };
      this.#pending.set(id, pending);
    }
    pending.count += 1;
    const identity = key === null ? pending.count : at(event, key);
    // The last event is the last of the batch.
    pending.events.delete(identity);
    if (key !== null || pending.events.size < KEPT) pending.events.set(identity, event);
  }

  /** Removes a subscription's events. */
  drop(id: number): void {
    this.#pending.delete(id);
  }

  /** Takes all events; null if there are none. */
  take(): Record<number, Batch> | null {
    if (this.#pending.size === 0) return null;
    const batches: Record<number, Batch> = {};
    for (const [id, { count, events }] of this.#pending) batches[id] = { count, events: [...events.values()] };
    this.#pending.clear();
    return batches;
  }
}
