// Requests to the server. The GraphQL address is relative to the page's, so that any prefix applies to both.
import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";

const endpoint = new URL("../graphql", window.location.href);
endpoint.search = "";
endpoint.hash = "";

const live = new URL(endpoint);
live.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";

/** A fetcher for this token, with its own connection. It is replaced when the token changes. */
export function connect(token: string): Fetcher {
  const authorization: Record<string, string> = token === "" ? {} : { Authorization: `Bearer ${token}` };
  return createGraphiQLFetcher({
    url: endpoint.href,
    headers: authorization,
    wsClient: createClient({ url: live.href, connectionParams: authorization, lazy: true }),
  });
}
