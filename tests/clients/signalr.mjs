// The official SignalR client over one transport and one protocol: node signalr.mjs URL TRANSPORT PROTOCOL
import assert from "node:assert/strict";
import * as signalR from "@microsoft/signalr";
import { MessagePackHubProtocol } from "@microsoft/signalr-protocol-msgpack";

const [url, transport, protocol] = process.argv.slice(2);

// Waits until `holds` returns true, with a generous timeout.
async function until(what, holds) {
  const end = Date.now() + 30_000;
  while (!holds()) {
    assert.ok(Date.now() < end, `it did not happen that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

let builder = new signalR.HubConnectionBuilder()
  .withUrl(`${url}/api/tickerq/hub`, {
    transport: signalR.HttpTransportType[transport],
    // Sent in a header if possible, otherwise in the query.
    accessTokenFactory: () => "a token",
  })
  .configureLogging(signalR.LogLevel.Warning);
if (protocol === "messagepack") builder = builder.withHubProtocol(new MessagePackHubProtocol());
const connection = builder.build();

if (transport === "ServerSentEvents" && protocol === "messagepack") {
  // The server offers no binary format over this transport: the client rejects the connection itself.
  await assert.rejects(connection.start(), /does not support Binary/);
  process.exit(0);
}

const statuses = [];
const metrics = [];
connection.on("JobStatusChanged", function (jobId, status, details) {
  statuses.push({ jobId, status, details });
});
connection.on("MetricsUpdated", function (numbers) {
  metrics.push(numbers);
});
let closed = null;
connection.onclose((error) => (closed = { error }));

await connection.start();
assert.ok(connection.connectionId, "the connection has an id");
// As in the dashboard API: both in one tick.
await Promise.all([connection.invoke("JoinGroup", "job-updates"), connection.invoke("JoinGroup", "system-metrics")]);

const created = await fetch(`${url}/api/tickerq/jobs`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ type: "NoopJob", name: "Grüße ✓" }),
});
const { jobId } = await created.json();
await until("all events of the job arrive", () => statuses.length >= 3);
assert.deepEqual(
  statuses.map(({ jobId, status }) => [jobId, status]),
  ["pending", "running", "completed"].map((status) => [jobId, status]),
);
assert.equal(statuses[2].details.event, "job.completed");
assert.equal(statuses[2].details.name, "Grüße ✓");
assert.equal(statuses[2].details.duration.slice(0, 6), "00:00:");
await until("metrics arrive", () => metrics.length >= 1);
assert.equal(metrics[0].systemHealth, "healthy");
assert.equal(typeof metrics[0].cpuUsage.percentage, "number");

// An error of a call does not end the connection.
await assert.rejects(connection.invoke("Foo", 1, 2), /Unknown hub method 'Foo'/);
await assert.rejects(connection.invoke("JoinGroup"), /takes 1 argument/);
await assert.rejects(connection.invoke("JoinGroup", "weather"), /Unknown group 'weather'/);
await connection.send("Foo");
await assert.rejects(
  new Promise((complete, error) => connection.stream("JoinGroup", "job-updates").subscribe({ next() {}, complete, error })),
  /does not stream/,
);
// Names of groups and methods are case-insensitive; no event arrives after leaving the group.
await connection.invoke("leavegroup", "job-updates");
const count = statuses.length;
await fetch(`${url}/api/tickerq/jobs`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ type: "NoopJob" }),
});
await connection.invoke("JoinGroup", "queue:nobody");
assert.equal(statuses.length, count);
assert.equal(connection.state, signalR.HubConnectionState.Connected);
await connection.stop();
assert.deepEqual(closed, { error: undefined });
