// Examples. Each runs unchanged on a server without configuration; the server's tests check them against
// the schema.
export interface Example {
  title: string;
  about: string;
  query: string;
  variables?: string;
}

export const examples: Example[] = [
  {
    title: "The newest jobs",
    about: "A page of the list, with how they ended.",
    query: `# Ctrl+Enter (Cmd+Enter) runs this. More is under "Examples" on the left.
query NewestJobs {
  jobs(first: 10) {
    totalCount
    nodes {
      id
      name
      queue
      status
      createdAt
      duration
      error
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  },
  {
    title: "Schedule a job",
    about: "One that runs at once; give it a delay or a time to have it later.",
    query: `mutation ScheduleJob($input: ScheduleJobInput!) {
  scheduleJob(input: $input) {
    isNew
    job {
      id
      status
      runAt
    }
  }
}
`,
    variables: `{
  "input": {
    "type": "EmailNotificationJob",
    "name": "Welcome",
    "parameters": { "to": "ada@example.com" },
    "maxRetries": 3
  }
}
`,
  },
  {
    title: "Watch jobs",
    about: "What happens to jobs from now on. Leave it running and schedule one in another tab.",
    query: `subscription WatchJobs {
  jobStatusChanged {
    at
    event
    job {
      id
      name
      status
      attempt
    }
  }
}
`,
  },
  {
    title: "A job with its history",
    about: "Put in the id of a job.",
    query: `query JobHistory($id: ID!) {
  job(id: $id) {
    name
    status
    parameters
    result
    attempts {
      number
      startedAt
      duration
      status
      error
    }
  }
}
`,
    variables: `{
  "id": "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"
}
`,
  },
  {
    title: "A job every night",
    about: "A recurring job in a time zone of its own.",
    query: `mutation EveryNight($input: ScheduleRecurringJobInput!) {
  scheduleRecurringJob(input: $input) {
    id
    nextRunAt
  }
}
`,
    variables: `{
  "input": {
    "type": "BackupJob",
    "name": "Backup at night",
    "cronExpression": "0 2 * * *",
    "timeZone": "Europe/Berlin"
  }
}
`,
  },
  {
    title: "Queues",
    about: "What waits, what runs, and how fast.",
    query: `query Queues {
  queues {
    name
    status
    pendingJobs
    runningJobs
    failedJobs
    throughput {
      jobsPerMinute
      jobsPerHour
    }
  }
}
`,
  },
  {
    title: "Retry what failed",
    about: "All failed jobs of a type, with their retry counts reset.",
    query: `mutation RetryFailed {
  retryJobs(filter: { status: [FAILED], type: ["EmailNotificationJob"] }, resetRetryCount: true) {
    count
  }
}
`,
  },
  {
    title: "The server in numbers",
    about: "As it is now, and again and again.",
    query: `subscription Server {
  metricsUpdated {
    timestamp
    systemHealth
    totalJobs
    activeWorkers
    queueLength
    memoryUsage {
      used
      percentage
    }
  }
}
`,
  },
];
