// The audits of the npm package graphql-http, all of which must pass: node graphql_http.mjs URL
import assert from "node:assert/strict";
import { serverAudits } from "graphql-http";

const [url] = process.argv.slice(2);
// A GET requires a header that cross-site pages can't send.
const fetchFn = (address, init) =>
  fetch(address, { ...init, headers: { ...init?.headers, "apollo-require-preflight": "1" } });
const audits = serverAudits({ url: `${url}/graphql`, fetchFn });
assert.ok(audits.length >= 61, `there are ${audits.length} audits`);
const failed = [];
for (const audit of audits) {
  const { status, reason } = await audit.fn();
  if (status !== "ok") failed.push(`${audit.id} ${audit.name}: ${status}: ${reason}`);
}
assert.deepEqual(failed, []);
