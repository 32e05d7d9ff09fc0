import { graphql } from "../../app/requests/graphql";

export const error = graphql(`
  query ErrorPage($fingerprint: String!, $from: DateTime!, $to: DateTime!, $zone: String!, $granularity: Granularity!) {
    failure(fingerprint: $fingerprint, from: $from, to: $to, timeZone: $zone, granularity: $granularity) {
      failure { fingerprint type reason count firstSeen lastSeen }
      trend { date count }
      places { id name isWorker jobs }
      jobs { id name status queue attempt maxRetries completedAt error errorDetail }
    }
  }
`);

export const preview = graphql(`
  query RetryPreview($filter: JobFilterInput!) {
    newest: jobs(filter: $filter, first: 5) { totalCount(upTo: 10001) nodes { id name createdAt error } }
    oldest: jobs(filter: $filter, first: 5, orderBy: { field: CREATED_AT, direction: ASC }) { nodes { id name createdAt } }
    jobFacets(by: [QUEUE], filter: $filter, limit: 10) { values { value count } }
  }
`);

export const retry = graphql(`mutation RetryFailure($filter: JobFilterInput!, $limit: Int!) { retryJobs(filter: $filter, limit: $limit) { count hasMore } }`);
