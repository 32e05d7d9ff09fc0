// How the page reaches the server: the address of GraphQL is beside the page's own, whatever stands before both.
import { createGraphiQLFetcher, type Fetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";

const endpoint = new URL("../graphql", window.location.href);
endpoint.search = "";
endpoint.hash = "";

const live = new URL(endpoint);
live.protocol = endpoint.protocol === "https:" ? "wss:" : "ws:";

/** A fetcher for this caller. A new one is made when the token changes, with a connection of its own. */
export function connect(token: string): Fetcher {
  const authorization: Record<string, string> = token === "" ? {} : { Authorization: `Bearer ${token}` };
  return createGraphiQLFetcher({
    url: endpoint.href,
    headers: authorization,
    wsClient: createClient({ url: live.href, connectionParams: authorization, lazy: true }),
  });
}
