// Live updates of the page: one connection in a worker, subscriptions of the parts that are shown, and pause.
import type { TadaDocumentNode } from "gql.tada";
import workerAddress from "./worker?worker&url";
import { addressOf, bootstrap } from "../bootstrap";
import { textOf } from "../requests/graphql";
import { session } from "../session.svelte";
import type { FromWorker, LiveState, ToWorker } from "./protocol";

/** Time after which a hidden page closes its connection. */
const HIDDEN = 5 * 60_000;
/** Minimum time between two readings because of lost events. */
const REREAD = 5_000;
/** Interval of readings without a connection. */
const POLL = 5_000;

interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(text: string): string }): { createScriptURL(text: string): string };
}

/** The policy admits one address, the worker's. */
function trusted(address: string): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  const rules = {
    createScriptURL(text: string): string {
      if (text === address) return text;
      throw new TypeError("not the worker's address");
    },
  };
  return trustedTypes === undefined ? address : trustedTypes.createPolicy("tickerq", rules).createScriptURL(address);
}

interface Listener {
  /** Receives the events of a batch and their number, which is larger if events were merged. */
  onBatch: (events: unknown[], count: number) => void;
  message: Extract<ToWorker, { kind: "subscribe" }>;
}

class Live {
  state: LiveState = $state.raw({ kind: "off" });
  /** Set by the user: nothing is requested, on focus neither. */
  isPaused: boolean = $state(false);
  /** Grows when everything that is shown must be read again. */
  epoch: number = $state(0);
  /** Number of changes that were missed since the last reading. */
  missed: number = $state(0);
  #worker: Worker | null = null;
  #next = 1;
  #listeners = new Map<number, Listener>();
  #hidden: ReturnType<typeof setTimeout> | undefined;
  #reread = 0;

  /** Opens the connection. Called once the caller is known. */
  start(): void {
    if (bootstrap.live === null) return;
    if (this.#worker === null) {
      this.#worker = new Worker(trusted(workerAddress), { type: "module" });
      this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
      document.addEventListener("visibilitychange", () => this.#visibility());
      addEventListener("online", () => this.#post({ kind: "retry" }));
      setInterval(() => {
        if (this.state.kind === "polling" && document.visibilityState === "visible") this.refresh();
      }, POLL);
    }
    this.#connect();
  }

  #connect(): void {
    const address = addressOf(bootstrap.live ?? "");
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    this.#post({ kind: "connect", address: address.href, token: session.token });
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case "state":
        this.state = this.isPaused ? { kind: "paused" } : message.state;
        break;
      case "reconnected":
        this.refresh();
        break;
      case "batches":
        if (this.isPaused) break;
        for (const [id, { events, count }] of Object.entries(message.batches)) {
          this.#listeners.get(Number(id))?.onBatch(events, count);
        }
        break;
      case "lagged": {
        // The subscription is started again, and what is shown is read once.
        const listener = this.#listeners.get(message.id);
        if (listener === undefined) break;
        this.missed += 1;
        const wait = Math.max(0, this.#reread + REREAD - Date.now());
        this.#reread = Date.now() + wait;
        setTimeout(() => {
          this.#post({ kind: "unsubscribe", id: message.id });
          if (this.#listeners.has(message.id)) this.#post(listener.message);
          this.refresh();
        }, wait);
        break;
      }
      case "rejected":
        session.expired();
        break;
    }
  }

  #visibility(): void {
    clearTimeout(this.#hidden);
    if (document.visibilityState === "hidden") {
      this.#hidden = setTimeout(() => this.#post({ kind: "close" }), HIDDEN);
    } else if (!this.isPaused && this.state.kind === "paused") {
      this.#connect();
      this.refresh();
    }
  }

  /** Reads everything that is shown again. */
  refresh(): void {
    this.missed = 0;
    this.epoch += 1;
  }

  /** Pauses or resumes live updates. */
  pause(isPaused: boolean): void {
    this.isPaused = isPaused;
    if (isPaused) {
      this.#post({ kind: "close" });
      this.state = { kind: "paused" };
    } else {
      this.#connect();
      this.refresh();
    }
  }

  /**
   * Receives events until the returned function is called. With a `key`, the path of the value that identifies an
   * entity, a batch has only its latest event.
   */
  subscribe<Result, Variables>(
    document: TadaDocumentNode<Result, Variables>,
    variables: Variables,
    onBatch: (events: NonNullable<Result[keyof Result]>[], count: number) => void,
    key: string | null = null,
  ): () => void {
    const id = this.#next;
    this.#next += 1;
    const message = {
      kind: "subscribe" as const,
      id,
      query: textOf(document),
      variables: JSON.parse(JSON.stringify(variables)) as Record<string, unknown>,
      key,
    };
    this.#listeners.set(id, { onBatch: onBatch as Listener["onBatch"], message });
    this.#post(message);
    return () => {
      this.#listeners.delete(id);
      this.#post({ kind: "unsubscribe", id });
    };
  }
}

export const live = new Live();
