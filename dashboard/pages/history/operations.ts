import { graphql } from "../../app/requests/graphql";

const points = graphql(`
  fragment HistoryPoints on ActivitySeries {
    total { created completed failed cancelled }
    points { at created completed failed cancelled }
  }
`);

export const history = graphql(
  `
  query History($from: DateTime!, $to: DateTime!, $earlier: DateTime!, $step: Step!, $bands: Step!, $zone: String!, $queue: String, $type: [String!], $compare: Boolean!) {
    now: activity(from: $from, to: $to, step: $step, timeZone: $zone, queue: $queue, type: $type) { ...HistoryPoints }
    bands: activity(from: $from, to: $to, step: $bands, timeZone: $zone, queue: $queue, type: $type) { points { at waitP50 waitP95 runP50 runP95 } }
    before: activity(from: $earlier, to: $from, step: $step, timeZone: $zone, queue: $queue, type: $type) @include(if: $compare) { ...HistoryPoints }
  }
`,
  [points],
);

export const choices = graphql(`query HistoryChoices { queues { name } jobFacets(by: [TYPE], limit: 200) { values { value } } }`);

export const deeds = graphql(`
  query HistoryDeeds($from: DateTime!, $to: DateTime!) {
    auditRecords(filter: { from: $from, to: $to }, first: 200) { nodes { id at actor action queue jobs } }
    nodes { id name startedAt }
  }
`);
