import { graphql } from "../../app/requests/graphql";

export const types = graphql(`
  query Types($from: DateTime!, $to: DateTime!, $zone: String!, $queue: String) {
    jobTypes(from: $from, to: $to, timeZone: $zone, queue: $queue) {
      jobTypes { type totalExecutions successRate executionTime { p50 p95 p99 } waitTime { p50 p95 p99 } }
    }
    pending: jobFacets(by: [TYPE], filter: { status: [PENDING], queue: $queue }, limit: 1000) { values { value count } }
    running: jobFacets(by: [TYPE], filter: { status: [RUNNING], queue: $queue }, limit: 1000) { values { value count } }
    failed: jobFacets(by: [TYPE], filter: { status: [FAILED], queue: $queue }, limit: 1000) { values { value count } }
    workersConnection(first: 1000) { nodes { id status types } }
    systemMetrics { healthReasons { code message } }
    queues { name }
  }
`);
