// The official clients over WebSocket: node graphql_ws.mjs URL PROTOCOL, which is graphql-transport-ws or graphql-ws
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, protocol] = process.argv.slice(2);
const address = `${url.replace("http", "ws")}/graphql`;

async function until(what, holds) {
  const end = Date.now() + 30_000;
  while (!holds()) {
    assert.ok(Date.now() < end, `it did not happen that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

// Common interface of both clients: `subscribe` returns a function that stops it.
function connect() {
  if (protocol === "graphql-transport-ws") {
    const client = createClient({ url: address, webSocketImpl: WebSocket, lazy: false, retryAttempts: 0, keepAlive: 1_000 });
    const pongs = [];
    client.on("pong", (isReceived) => isReceived && pongs.push(isReceived));
    return {
      subscribe: (payload, sink) => client.subscribe(payload, sink),
      lives: () => until("a ping was answered", () => pongs.length > 0),
      close: () => client.dispose(),
    };
  }
  const { SubscriptionClient } = createRequire(import.meta.url)("subscriptions-transport-ws");
  const client = new SubscriptionClient(address, { reconnect: false }, WebSocket);
  const alive = [];
  client.on?.("connected", () => alive.push(true));
  return {
    subscribe: (payload, sink) => {
      const { unsubscribe } = client.request(payload).subscribe(sink);
      return unsubscribe;
    },
    lives: async () => {},
    close: () => client.close(),
  };
}

function collect(client, payload) {
  const received = { results: [], error: undefined, isComplete: false };
  received.stop = client.subscribe(payload, {
    next: (result) => received.results.push(result),
    error: (error) => (received.error = error ?? "an error"),
    complete: () => (received.isComplete = true),
  });
  return received;
}

const client = connect();
const changes = collect(client, {
  query: `subscription Changes($type: [String!]) {
    jobStatusChanged(filter: { type: $type }) { event status jobId job { name attempts { number status } } }
  }`,
  variables: { type: ["NoopJob"] },
});
// A query and a mutation over the same connection.
const query = collect(client, { query: "{ __typename }" });
await until("the query completes", () => query.isComplete);
assert.deepEqual(query.results, [{ data: { __typename: "Query" } }]);

const scheduled = collect(client, {
  query: `mutation { scheduleJob(input: { type: "NoopJob", name: "Grüße ✓", delay: "00:00:01" }) { job { id } } }`,
});
await until("the mutation was answered", () => scheduled.isComplete);
const { id } = scheduled.results[0].data.scheduleJob.job;
const watched = collect(client, {
  query: "subscription Watch($id: ID!) { job(id: $id) { status attempts { number } } }",
  variables: { id },
});
await until("all events of the job arrive", () => watched.isComplete);
const statuses = watched.results.map((result) => result.data.job.status);
assert.equal(statuses[0], "PENDING");
assert.deepEqual(statuses.slice(-2), ["RUNNING", "COMPLETED"]);
assert.deepEqual(watched.results.at(-1).data.job.attempts, [{ number: 1 }]);
await until("all events arrive", () => changes.results.length >= 3);
assert.deepEqual(
  changes.results.map(({ data: { jobStatusChanged: change } }) => [change.event, change.status, change.jobId]),
  [
    ["CREATED", "PENDING", id],
    ["STARTED", "RUNNING", id],
    ["COMPLETED", "COMPLETED", id],
  ],
);
assert.equal(changes.results[2].data.jobStatusChanged.job.name, "Grüße ✓");
assert.deepEqual(changes.results[2].data.jobStatusChanged.job.attempts, [{ number: 1, status: "COMPLETED" }]);

// An error of an operation does not end the connection.
const wrong = collect(client, { query: "subscription { nonsense }" });
await until("the error arrives", () => wrong.error !== undefined);
assert.match(JSON.stringify([wrong.error].flat().map((error) => error.message)), /nonsense/);
const none = collect(client, { query: 'subscription { job(id: "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55") { id } }' });
await until("the subscription of an unknown job completes", () => none.isComplete);
assert.equal(none.results[0].errors[0].extensions.code, "not-found");

// No event arrives after the client has unsubscribed.
changes.stop();
const again = collect(client, { query: `mutation { scheduleJob(input: { type: "NoopJob" }) { job { id } } }` });
await until("the second mutation was answered", () => again.isComplete);
const end = collect(client, {
  query: "subscription Watch($id: ID!) { job(id: $id) { status } }",
  variables: { id: again.results[0].data.scheduleJob.job.id },
});
await until("the second job has ended", () => end.isComplete);
assert.equal(changes.results.length, 3);
await client.lives();
await client.close();
process.exit(0);
