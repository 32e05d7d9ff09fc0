// The types that openapi-typescript generates, used with openapi-fetch against a real server: its URL.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

declare const process: { argv: string[] };

type Schemas = components["schemas"];

const client = createClient<paths>({ baseUrl: process.argv[2] });

function equal(found: unknown, expected: unknown) {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${left} is not ${right}`);
}

function given<T>(value: T | undefined | null): T {
  if (value === undefined || value === null) throw new Error("there is no value");
  return value;
}

// A job needs nothing but its type; the answer is a job or a recurring job.
const request: Schemas["JobRequest"] = { type: "Noop" };
const header = { "Idempotency-Key": "generated" };
const made = await client.POST("/api/tickerq/jobs", { body: request, params: { header } });
equal(made.response.status, 201);
const job = given(made.data);
if ("cronExpression" in job) throw new Error("it is no recurring job");
const priority: Schemas["Priority"] = job.priority;
equal(priority, "normal");

let status: Schemas["JobStatus"] = job.status;
const until = Date.now() + 30_000;
while (status !== "completed") {
  if (Date.now() > until) throw new Error(status);
  const read = await client.GET("/api/tickerq/jobs/{id}", { params: { path: { id: job.id } } });
  status = given(read.data).status;
}

const recurring = given(
  (await client.POST("/api/tickerq/jobs", { body: { type: "Noop", cronExpression: "0 2 * * *", misfirePolicy: "skip" } })).data,
);
if (!("cronExpression" in recurring)) throw new Error("it is a recurring job");
const policy: Schemas["MisfirePolicy"] = recurring.misfirePolicy;
equal([recurring.cronExpression, policy], ["0 2 * * *", "skip"]);

// Only the values that a field has are accepted.
// @ts-expect-error
const wrong: Schemas["JobRequest"] = { type: "Noop", priority: "urgent" };
const refused = await client.POST("/api/tickerq/jobs", { body: wrong });
const problem: Schemas["Problem"] = given(refused.error);
equal([problem.status, given(problem.errors)[0].pointer], [400, "#/priority"]);

const failed: Schemas["FailedJob"] = { jobId: job.id, leaseToken: "token" };
equal(failed.outcome, undefined);
const list = given((await client.GET("/api/tickerq/jobs", { params: { query: { type: "Noop", limit: 10 } } })).data);
equal(list.jobs.some((item) => item.id === job.id), true);
const days = given((await client.GET("/api/tickerq/metrics/performance", { params: { query: { granularity: "day" } } })).data);
equal(days.trends.length, 7);
equal((await client.DELETE("/api/tickerq/jobs/{id}", { params: { path: { id: job.id } } })).response.status, 204);
const gone: Schemas["Problem"] = given((await client.POST("/api/tickerq/jobs", { body: request, params: { header } })).error);
equal([gone.status, gone.jobId], [410, job.id]);
console.log("ok");
