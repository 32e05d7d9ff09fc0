import { graphql } from "../../app/requests/graphql";

export const queues = graphql(`
  query Queues { queues { name status pendingJobs runningJobs completedJobs failedJobs workers throughput { jobsPerMinute jobsPerHour } } }
`);

export const changes = graphql(`
  subscription QueuesChanges {
    queueMetricsUpdated { name status pendingJobs runningJobs completedJobs failedJobs workers throughput { jobsPerMinute jobsPerHour } }
  }
`);

const cells = graphql(`fragment Cells on ActivitySeries { points { at completed failed waitP95 } }`);

/** Eight queues at once. The last ones repeat a name if there are fewer. */
export const heat = graphql(
  `
  query QueuesHeat($from: DateTime!, $a: String!, $b: String!, $c: String!, $d: String!, $e: String!, $f: String!, $g: String!, $h: String!) {
    a: activity(from: $from, step: M1, queue: $a) { ...Cells }
    b: activity(from: $from, step: M1, queue: $b) { ...Cells }
    c: activity(from: $from, step: M1, queue: $c) { ...Cells }
    d: activity(from: $from, step: M1, queue: $d) { ...Cells }
    e: activity(from: $from, step: M1, queue: $e) { ...Cells }
    f: activity(from: $from, step: M1, queue: $f) { ...Cells }
    g: activity(from: $from, step: M1, queue: $g) { ...Cells }
    h: activity(from: $from, step: M1, queue: $h) { ...Cells }
  }
`,
  [cells],
);
