// The caller: its token, and what it may do. The token lives as long as the tab, as GraphiQL's does, and is shared with
// new tabs of this origin; it is never in an address.
import { bootstrap, addressOf } from "./bootstrap";

const KEY = "tickerq:token";

/** What the server knows about the caller. */
export interface Me {
  name: string;
  kind: "KEY" | "TOKEN" | "ANONYMOUS" | "LOCAL";
  scopes: string[];
  expiresAt: string | null;
}

/** A right, as keys and tokens name it. */
export type Scope = "read" | "write" | "admin";

type Message = { kind: "wanted" } | { kind: "token"; token: string } | { kind: "signed-out" };

class Session {
  token: string = $state(sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? "");
  me: Me | null = $state.raw(null);
  /** The server requires credentials, or has rejected those of this tab. */
  needsSignIn: boolean = $state(false);
  /** No changes from this browser: a lock against slips. */
  isLocked: boolean = $state(localStorage.getItem("tickerq:locked") === "true");
  #channel = new BroadcastChannel("tickerq:session");

  constructor() {
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.kind === "wanted" && this.token !== "") this.#post({ kind: "token", token: this.token });
      else if (data.kind === "token" && this.token === "") void this.signIn(data.token, false);
      else if (data.kind === "signed-out") this.#forget();
    };
    if (this.token === "") this.#post({ kind: "wanted" });
  }

  #post(message: Message): void {
    this.#channel.postMessage(message);
  }

  #forget(): void {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
    this.token = "";
    this.me = null;
  }

  headers(): Record<string, string> {
    return this.token === "" ? {} : { authorization: `Bearer ${this.token}` };
  }

  /** A request was answered with 401. */
  expired(): void {
    this.needsSignIn = true;
  }

  /** Reads who the caller is; returns true if the server accepts it. */
  async load(): Promise<boolean> {
    const response = await fetch(addressOf(`${bootstrap.rest}/me`), { headers: this.headers(), cache: "no-store" }).catch(() => null);
    if (response === null) return false;
    if (response.status === 401) {
      this.needsSignIn = true;
      return false;
    }
    if (!response.ok) return false;
    const me = (await response.json()) as Omit<Me, "kind"> & { kind: string };
    this.me = { ...me, kind: me.kind.toUpperCase() as Me["kind"], expiresAt: me.expiresAt ?? null };
    this.needsSignIn = false;
    return true;
  }

  /** Uses a token from now on; returns false if the server rejects it. */
  async signIn(token: string, isRemembered: boolean): Promise<boolean> {
    const before = this.token;
    this.token = token.trim().replace(/^Bearer\s+/i, "");
    // The dialog stays while the server checks the token, and shows that it is rejected.
    if (!(await this.load())) {
      this.token = before;
      return false;
    }
    sessionStorage.setItem(KEY, this.token);
    if (isRemembered) localStorage.setItem(KEY, this.token);
    this.#post({ kind: "token", token: this.token });
    return true;
  }

  signOut(): void {
    this.#forget();
    this.#post({ kind: "signed-out" });
    this.needsSignIn = true;
  }

  lock(isLocked: boolean): void {
    this.isLocked = isLocked;
    localStorage.setItem("tickerq:locked", String(isLocked));
  }

  /** True if the caller has the right. */
  has(scope: Scope): boolean {
    const scopes = this.me?.scopes;
    if (scopes === undefined) return true;
    return scopes.some((name) => name === scope || name === `tickerq:${scope}`);
  }

  /** True if actions with this right are offered. */
  may(scope: Scope): boolean {
    return this.has(scope) && (scope === "read" || !(bootstrap.readOnly || this.isLocked));
  }
}

export const session = new Session();
