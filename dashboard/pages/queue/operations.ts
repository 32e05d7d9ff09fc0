import { graphql } from "../../app/requests/graphql";

export const queue = graphql(`
  query Queue($name: String!, $due: String!) {
    queue(name: $name) {
      name status pendingJobs runningJobs completedJobs failedJobs cancelledJobs workers throughput { jobsPerMinute jobsPerHour }
      explanation { summary pendingJobs reasons { code jobs isExact message since until remedy evidence { types } } }
    }
    running: jobs(filter: { status: [RUNNING], queue: $name }, orderBy: { field: CREATED_AT, direction: ASC }, first: 10) {
      nodes { id name type executedAt attempt attempts { number node worker { id name } } progress { percent message } }
    }
    next: jobs(filter: { query: $due, queue: $name }, orderBy: { field: CREATED_AT, direction: ASC }, first: 10) { nodes { id name type priority runAt createdAt } }
    workersConnection(first: 500) { nodes { id name status queues types concurrency runningJobs } }
    jobFacets(by: [TYPE], filter: { queue: $name }, limit: 20) { values { value count } hasMore }
  }
`);

export const pauses = graphql(`
  query QueuePauses {
    paused: auditRecords(filter: { action: QUEUE_PAUSE }, first: 200) { nodes { id at actor queue } }
    resumed: auditRecords(filter: { action: QUEUE_RESUME }, first: 200) { nodes { id at actor queue } }
  }
`);

export const course = graphql(`
  query QueueActivity($name: String!, $from: DateTime!, $to: DateTime!, $step: Step!, $bands: Step!) {
    bands: activity(queue: $name, from: $from, to: $to, step: $bands) { points { at waitP50 waitP95 runP50 runP95 } }
    activity(queue: $name, from: $from, to: $to, step: $step) {
      total { created completed failed }
      points { at created completed failed }
    }
  }
`);

export const changes = graphql(`
  subscription QueueChanges($name: String!) {
    queueMetricsUpdated(queue: $name) { name status pendingJobs runningJobs completedJobs failedJobs cancelledJobs workers throughput { jobsPerMinute jobsPerHour } }
  }
`);

export const clear = graphql(`
  mutation ClearQueue($name: String!, $clearPending: Boolean!, $clearFailed: Boolean!) {
    clearQueue(name: $name, clearPending: $clearPending, clearFailed: $clearFailed) { clearedPending clearedFailed }
  }
`);
