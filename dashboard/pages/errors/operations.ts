import { graphql } from "../../app/requests/graphql";

export const errors = graphql(`
  query Errors($from: DateTime!, $to: DateTime!, $dayBefore: DateTime!, $zone: String!, $queue: String, $type: [String!]) {
    failures(from: $from, to: $to, timeZone: $zone, queue: $queue, type: $type, limit: 500) {
      totalCount
      failures { fingerprint type reason count firstSeen lastSeen }
    }
    before: failures(from: $dayBefore, to: $from, timeZone: $zone, queue: $queue, type: $type, limit: 1000) { failures { fingerprint } }
    jobTypes(from: $from, to: $to, timeZone: $zone, queue: $queue) { jobTypes { type totalExecutions failedJobs } }
    queues { name }
  }
`);

export const trend = graphql(`
  query ErrorTrend($fingerprint: String!, $from: DateTime!, $to: DateTime!, $granularity: Granularity!) {
    failure(fingerprint: $fingerprint, from: $from, to: $to, granularity: $granularity) { trend { date count } }
  }
`);
