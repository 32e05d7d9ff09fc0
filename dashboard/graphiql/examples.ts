// What is useful to try first. Each runs as it stands on a server without any configuration.
export interface Example {
  title: string;
  about: string;
  query: string;
  variables?: string;
}

export const examples: Example[] = [
  {
    title: "The newest jobs",
    about: "A page of jobs with how they ended.",
    query: `# The newest jobs. Press Ctrl+Enter (Cmd+Enter) to run it; more is under "Examples" on the left.
query NewestJobs {
  jobs(first: 10) {
    totalCount
    nodes {
      id
      name
      status
      queue
      scheduledAt
      duration
    }
    pageInfo {
      hasNextPage
      endCursor
    }
  }
}
`,
  },
];
