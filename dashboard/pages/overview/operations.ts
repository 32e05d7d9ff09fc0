import { graphql } from "../../app/requests/graphql";

export const overview = graphql(`
  query Overview($day: DateTime!, $isAdmin: Boolean!) {
    systemMetrics {
      systemHealth totalJobs activeWorkers queueLength
      memoryUsage { usedBytes availableBytes percentage } cpuUsage { percentage cores }
      healthReasons { code message }
    }
    queues { name status pendingJobs runningJobs completedJobs failedJobs workers throughput { jobsPerMinute jobsPerHour } }
    failures(from: $day, limit: 6) { totalCount failures { fingerprint type reason count lastSeen } }
    running: jobs(filter: { status: [RUNNING] }, orderBy: { field: CREATED_AT, direction: ASC }, first: 20) {
      nodes { id name type queue executedAt createdAt progress { percent } }
    }
    oldest: jobs(filter: { query: "status:pending due:<=now" }, orderBy: { field: CREATED_AT, direction: ASC }, first: 1) { nodes { id runAt } }
    recurringJobs(limit: 200) { totalCount nodes { id name type enabled nextRuns } }
    jobTypes(from: $day) { jobTypes { type executionTime { p95 } } }
    workersConnection(first: 200) { nodes { id status concurrency runningJobs } }
    server { name version }
    nodes @include(if: $isAdmin) { id isLive isDraining runningJobs }
  }
`);

export const lastHour = graphql(`
  query OverviewActivity($from: DateTime!) {
    activity(from: $from, step: M1) { total { created completed failed } points { at created started completed failed retried cancelled } }
  }
`);

export const queueChanges = graphql(`
  subscription OverviewQueues {
    queueMetricsUpdated { name status pendingJobs runningJobs completedJobs failedJobs workers throughput { jobsPerMinute jobsPerHour } }
  }
`);

export const systemChanges = graphql(`
  subscription OverviewSystem {
    metricsUpdated { systemHealth totalJobs activeWorkers queueLength memoryUsage { usedBytes availableBytes percentage } cpuUsage { percentage cores } }
  }
`);

export const healthChanges = graphql(`subscription OverviewHealth { systemHealthAlert { status } }`);

export const failed = graphql(`subscription OverviewFailed { jobStatusChanged(filter: { event: [FAILED] }) { jobId } }`);

export const created = graphql(`subscription OverviewCreated { jobStatusChanged(filter: { event: [CREATED] }) { jobId } }`);
