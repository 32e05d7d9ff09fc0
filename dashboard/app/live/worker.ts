// Holds the connection for live updates: parses and merges events, and hands the page at most four batches a second.
import { createClient, type Client } from "graphql-ws";
import { Batches } from "./batches";
import type { FromWorker, ToWorker } from "./protocol";

/** Time between two deliveries. */
const DELIVERY = 250;
/** Refused attempts after which the page polls. Attempts continue. */
const REFUSED_MAX = 2;

interface Subscription {
  query: string;
  variables: Record<string, unknown>;
  key: string | null;
  end: () => void;
}

const scope = self as unknown as DedicatedWorkerGlobalScope;
const batches = new Batches();
const subscriptions = new Map<number, Subscription>();
let client: Client | null = null;
let wasOpen = false;
/** Attempts since the start that opened no connection: a proxy may refuse WebSockets. */
let refused = 0;
let wake: (() => void) | null = null;

function post(message: FromWorker): void {
  scope.postMessage(message);
}

setInterval(() => {
  const taken = batches.take();
  if (taken !== null) post({ kind: "batches", batches: taken });
}, DELIVERY);

function start(id: number, subscription: Subscription): void {
  if (client === null) return;
  const { query, variables, key } = subscription;
  subscription.end = client.subscribe(
    { query, variables },
    {
      next: ({ data, errors }) => {
        if (errors !== undefined && errors.length > 0) post({ kind: "lagged", id });
        if (data !== null && data !== undefined) batches.add(id, Object.values(data)[0], key);
      },
      // The server ends a subscription that is too slow, or whose right is gone.
      error: () => post({ kind: "lagged", id }),
      complete: () => undefined,
    },
  );
}

function close(): void {
  for (const subscription of subscriptions.values()) subscription.end();
  void client?.dispose();
  client = null;
}

function connect(address: string, token: string): void {
  close();
  wasOpen = false;
  refused = 0;
  const next = createClient({
    url: address,
    lazy: false,
    keepAlive: 20_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: (event) => !(event instanceof CloseEvent && (event.code === 4401 || event.code === 4403)),
    connectionParams: token === "" ? {} : { Authorization: `Bearer ${token}` },
    onNonLazyError: (reason) => {
      const isRejected = reason instanceof CloseEvent && (reason.code === 4401 || reason.code === 4403);
      if (isRejected) post({ kind: "rejected", reason: reason.reason });
    },
    // 1, 2, 4 … 30 s with jitter; at once when the browser is online again.
    retryWait: async (retries) => {
      const wait = Math.min(30_000, 1000 * 2 ** Math.min(retries, 5)) * (0.75 + Math.random() / 2);
      refused += 1;
      const isPolling = !wasOpen && refused >= REFUSED_MAX;
      post({ kind: "state", state: isPolling ? { kind: "polling" } : { kind: "waiting", until: Date.now() + wait } });
      await new Promise<void>((resolve) => {
        wake = resolve;
        setTimeout(resolve, wait);
      });
      wake = null;
    },
  });
  next.on("connecting", () => {
    if (wasOpen || refused < REFUSED_MAX) post({ kind: "state", state: { kind: "connecting" } });
  });
  next.on("connected", () => {
    post({ kind: "state", state: { kind: "live" } });
    if (wasOpen || refused > 0) post({ kind: "reconnected" });
    wasOpen = true;
    refused = 0;
  });
  client = next;
  for (const [id, subscription] of subscriptions) start(id, subscription);
}

scope.addEventListener("online", () => wake?.());

scope.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  switch (data.kind) {
    case "connect":
      connect(data.address, data.token);
      break;
    case "close":
      close();
      post({ kind: "state", state: { kind: "paused" } });
      break;
    case "subscribe": {
      const { id, query, variables, key } = data;
      const subscription: Subscription = { query, variables, key, end: () => undefined };
      subscriptions.set(id, subscription);
      start(id, subscription);
      break;
    }
    case "unsubscribe":
      subscriptions.get(data.id)?.end();
      subscriptions.delete(data.id);
      batches.drop(data.id);
      break;
    case "retry":
      wake?.();
      break;
  }
};
