import { graphql } from "../../app/requests/graphql";
import { actionable } from "../../parts/job/operations";

const jobRow = graphql(`
  fragment JobRow on Job {
    id name type queue status priority createdAt runAt executedAt completedAt duration attempt retryCount maxRetries error tags
    progress { percent message }
  }
`);

export const jobs = graphql(
  `query Jobs($filter: JobFilterInput, $direction: OrderDirection!, $after: String, $first: Int!) {
    jobs(filter: $filter, orderBy: { field: CREATED_AT, direction: $direction }, first: $first, after: $after) {
      nodes { ...JobRow } pageInfo { endCursor hasNextPage }
    }
  }`,
  [jobRow],
);

export const counts = graphql(`query JobCounts($filter: JobFilterInput) { jobFacets(by: [STATUS], filter: $filter) { by values { value count } } }`);

export const names = graphql(`query JobNames { jobFacets(by: [TYPE, QUEUE], limit: 1000) { by values { value count } } }`);

export const waits = graphql(`
  query JobWaits($filter: JobFilterInput!) { jobs(filter: $filter, first: 50) { nodes { id explanation { reasons { code message until } } } } }
`);

export const changes = graphql(
  `subscription JobsChanged($ids: [ID!]) { jobStatusChanged(filter: { jobId: $ids }) { event jobId job { ...JobRow } } }`,
  [jobRow],
);

export const arrived = graphql(`
  subscription JobsArrived($event: [JobEvent!], $query: String) { jobStatusChanged(filter: { event: $event, query: $query }) { jobId } }
`);

const jobDetail = graphql(
  `fragment JobDetail on Job {
    ...Actionable
    createdAt executedAt completedAt duration attempt maxRetries error errorDetail recurringJobId occurrenceAt tags uniqueKey timeout traceId
    retryDelay retryIntervals
    progress { attempt percent message }
    log { attempt at level message }
    attempts { number status startedAt completedAt duration error errorDetail node worker { id name } }
    explanation {
      summary estimate { startsAt basis }
      reasons { code message since until remedy }
    }
  }`,
  [actionable],
);

export const job = graphql(`query Job($id: ID!) { job(id: $id) { ...JobDetail } }`, [jobDetail]);

export const jobChanges = graphql(`subscription JobChanged($ids: [ID!]) { jobStatusChanged(filter: { jobId: $ids }) { event jobId } }`);

export const jobReports = graphql(`
  subscription JobReported($ids: [ID!]) {
    jobReported(filter: { jobId: $ids }) { jobId attempt progress { attempt percent message } log { attempt at level message } }
  }
`);

export const usual = graphql(`
  query UsualOfType($type: [String!], $from: DateTime!) {
    jobTypes(from: $from, type: $type) { jobTypes { type executionTime { p50 p95 } } }
  }
`);

export const related = graphql(
  `query RelatedJobs($same: JobFilterInput!, $occurrences: JobFilterInput!, $hasOccurrences: Boolean!, $key: JobFilterInput!, $hasKey: Boolean!) {
    same: jobs(filter: $same, first: 6) { nodes { id name status createdAt error } }
    occurrences: jobs(filter: $occurrences, first: 6) @include(if: $hasOccurrences) { nodes { id name status createdAt error } }
    key: jobs(filter: $key, first: 6) @include(if: $hasKey) { nodes { id name status createdAt error } }
  }`,
);

export const schedule = graphql(`
  mutation ScheduleJob($input: ScheduleJobInput!, $key: String) { scheduleJob(input: $input, idempotencyKey: $key) { isNew warnings job { id name status runAt } } }
`);

export const update = graphql(
  `mutation UpdateJob($id: ID!, $input: UpdateJobInput!, $revision: Int) { updateJob(id: $id, input: $input, expectedRevision: $revision) { ...Actionable } }`,
  [actionable],
);
