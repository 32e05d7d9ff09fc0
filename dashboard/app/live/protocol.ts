// Messages between the page and the worker that holds the connection.

/** State of live updates. */
export type LiveState =
  | { kind: "off" }
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "waiting"; until: number }
  /** No connection can be opened: everything shown is read every five seconds. */
  | { kind: "polling" }
  | { kind: "paused" };

/** From the page to the worker. */
export type ToWorker =
  | { kind: "connect"; address: string; token: string }
  | { kind: "close" }
  | {
      kind: "subscribe";
      id: number;
      query: string;
      variables: Record<string, unknown>;
      /** Path of the value that identifies an entity: only its latest event of a batch is kept. Null keeps all. */
      key: string | null;
    }
  | { kind: "unsubscribe"; id: number }
  | { kind: "retry" };

/** Events of a subscription in one batch. */
export interface Batch {
  events: unknown[];
  /** Number of events that the batch stands for. */
  count: number;
}

/** From the worker to the page. */
export type FromWorker =
  | { kind: "state"; state: LiveState }
  /** The connection is open again: everything shown is read once. */
  | { kind: "reconnected" }
  | { kind: "batches"; batches: Record<number, Batch> }
  /** The server dropped events of a subscription, or ended it. */
  | { kind: "lagged"; id: number }
  | { kind: "rejected"; reason: string };
