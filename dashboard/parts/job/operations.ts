import { graphql } from "../../app/requests/graphql";

/** What actions on a job need to know of it. */
export const actionable = graphql(`
  fragment Actionable on Job { id name type queue status priority runAt retryCount cancelRequested revision }
`);

export const cancel = graphql(`mutation CancelJob($id: ID!, $revision: Int) { cancelJob(id: $id, expectedRevision: $revision) { ...Actionable } }`, [actionable]);

export const retry = graphql(`mutation RetryJob($id: ID!, $revision: Int) { retryJob(id: $id, expectedRevision: $revision) { ...Actionable } }`, [actionable]);

export const execute = graphql(
  `mutation ExecuteJob($id: ID!, $runAt: DateTime, $revision: Int) { executeJob(id: $id, runAt: $runAt, expectedRevision: $revision) { ...Actionable } }`,
  [actionable],
);

export const remove = graphql(`mutation DeleteJob($id: ID!, $revision: Int) { deleteJob(id: $id, expectedRevision: $revision) }`);

export const preview = graphql(`
  query PreviewJobs($all: JobFilterInput!, $filter: JobFilterInput!) {
    statuses: jobFacets(by: [STATUS], filter: $all) { by hasMore values { value count } }
    facets: jobFacets(by: [TYPE, QUEUE], filter: $filter, limit: 6) { by hasMore values { value count } }
    newest: jobs(filter: $filter, first: 5) { nodes { id name createdAt } }
    oldest: jobs(filter: $filter, first: 5, orderBy: { field: CREATED_AT, direction: ASC }) { nodes { id name createdAt } }
  }
`);

export const cancelMany = graphql(`mutation CancelJobs($filter: JobFilterInput!, $limit: Int) { cancelJobs(filter: $filter, limit: $limit) { count hasMore } }`);

export const retryMany = graphql(`mutation RetryJobs($filter: JobFilterInput!, $limit: Int) { retryJobs(filter: $filter, limit: $limit) { count hasMore } }`);

export const deleteMany = graphql(`mutation DeleteJobs($filter: JobFilterInput!, $limit: Int) { deleteJobs(filter: $filter, limit: $limit) { count hasMore } }`);
