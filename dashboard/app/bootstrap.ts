// What the server writes into the page at its start, and the addresses of its facades.

/** Stage of the instance. In production, bulk actions need a typed confirmation. */
export type Stage = "development" | "test" | "production";

/** Values of the server's configuration that the page needs before its first request. */
export interface Bootstrap {
  /** Path below which the pages are served, such as `/dashboard/`. */
  mount: string;
  /** Path of the REST API. */
  rest: string;
  /** Path of GraphQL; null if it is disabled. */
  graphql: string | null;
  /** Path of GraphQL subscriptions; null if live updates are disabled. */
  live: string | null;
  /** Path of GraphiQL; null if it is disabled. */
  graphiql: string | null;
  /** Path of Swagger UI; null if it is disabled. */
  docs: string | null;
  version: string;
  /** Name of the instance in the header and in titles. */
  name: string | null;
  stage: Stage | null;
  /** Colour of the instance's badge, a CSS colour. */
  colour: string | null;
  /** No page offers a change. */
  readOnly: boolean;
  /** Payloads show keys and sizes until they are requested. */
  hidePayloads: boolean;
  /** Address of a trace, with `{traceId}`. */
  traceUrl: string | null;
}

const defaults: Bootstrap = {
  mount: "/dashboard/",
  rest: "/api/tickerq",
  graphql: "/graphql",
  live: "/graphql",
  graphiql: "/graphiql/",
  docs: null,
  version: "",
  name: null,
  stage: null,
  colour: null,
  readOnly: false,
  hidePayloads: false,
  traceUrl: null,
};

function read(): Bootstrap {
  const text = document.getElementById("bootstrap")?.textContent ?? "{}";
  return { ...defaults, ...(JSON.parse(text) as Partial<Bootstrap>) };
}

export const bootstrap: Bootstrap = read();

// Built modules are in `assets/` beside the mount, so that a path prefix of a proxy is part of their address. Kept in a
// variable: vite takes `new URL("../", import.meta.url)` for a file.
const here: string = import.meta.url;

/** Address of the server with the path prefix of a proxy; ends with `/`. */
export const root: URL = import.meta.env.DEV ? new URL("/", location.href) : new URL("../", here);

/** Absolute address of a path of the server. */
export function addressOf(path: string): URL {
  return new URL(path.replace(/^\//, ""), root);
}

/** Path of the mount in the browser, with the path prefix of a proxy; ends with `/`. */
export const mount: string = addressOf(bootstrap.mount).pathname;
