// The official client over server-sent events: node graphql_sse.mjs URL
import assert from "node:assert/strict";
import { createClient } from "graphql-sse";

const [url] = process.argv.slice(2);
const client = createClient({ url: `${url}/graphql`, singleConnection: false, retryAttempts: 0 });

async function execute(query, variables) {
  for await (const result of client.iterate({ query, variables })) return result;
}

assert.deepEqual(await execute("{ __typename }"), { data: { __typename: "Query" } });
const wrong = await execute("{ nonsense }");
assert.equal(wrong.errors[0].extensions.code, "validation");

const changes = client.iterate({ query: "subscription { jobStatusChanged { event job { name } } }" });
const first = changes.next();
const scheduled = await execute(`mutation { scheduleJob(input: { type: "NoopJob", delay: "00:00:01" }) { job { id } } }`);
const { id } = scheduled.data.scheduleJob.job;
const statuses = [];
for await (const { data } of client.iterate({
  query: "subscription Watch($id: ID!) { job(id: $id) { status } }",
  variables: { id },
})) {
  statuses.push(data.job.status);
}
assert.equal(statuses[0], "PENDING");
assert.equal(statuses.at(-1), "COMPLETED");
const events = [(await first).value];
while (events.length < 3) events.push((await changes.next()).value);
assert.deepEqual(
  events.map(({ data }) => data.jobStatusChanged.event),
  ["CREATED", "STARTED", "COMPLETED"],
);
await changes.return();
client.dispose();
