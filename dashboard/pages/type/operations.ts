import { graphql } from "../../app/requests/graphql";

const summary = graphql(`
  fragment Summary on PerformanceMetrics {
    summary { totalJobs successfulJobs failedJobs failedAttempts successRate executionTime { p50 p95 p99 } waitTime { p50 p95 p99 } }
  }
`);

export const type = graphql(
  `
  query Type($types: [String!]!, $from: DateTime!, $to: DateTime!, $earlier: DateTime!, $zone: String!, $step: Step!, $bands: Step!, $failed: String!) {
    now: performanceMetrics(from: $from, to: $to, timeZone: $zone, type: $types) { ...Summary }
    before: performanceMetrics(from: $earlier, to: $from, timeZone: $zone, type: $types) { ...Summary }
    activity(from: $from, to: $to, step: $step, timeZone: $zone, type: $types) {
      total { created completed failed }
      points { at created completed failed }
    }
    bands: activity(from: $from, to: $to, step: $bands, timeZone: $zone, type: $types) { points { at waitP50 waitP95 runP50 runP95 } }
    durations(from: $from, to: $to, timeZone: $zone, type: $types) { run { from to count } wait { from to count } }
    failures(from: $from, to: $to, timeZone: $zone, type: $types, limit: 10) { totalCount failures { fingerprint reason count lastSeen } }
    jobFacets(by: [STATUS, QUEUE], filter: { type: $types }, limit: 20) { by values { value count } }
    newest: jobs(filter: { query: $failed, type: $types }, first: 5) { nodes { id name error completedAt } }
    workersConnection(first: 1000) { nodes { id name status types } }
    systemMetrics { healthReasons { code message } }
  }
`,
  [summary],
);

export const slow = graphql(`
  query TypeSlow($query: String!) { jobs(filter: { query: $query }, first: 5) { nodes { id name status duration completedAt } } }
`);
