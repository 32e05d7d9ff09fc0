//! Numbers of jobs by status, type and queue.

use std::collections::BTreeMap;

use super::use_cases::Operations;
use crate::domain::access::caller::Caller;
use crate::domain::filter::JobFilter;
use crate::domain::operation::Total;
use crate::service::error::ServiceError;
use crate::storage::query::{Facet, FacetCount, JobSummary};

/// The fields by which jobs are counted.
const FACETS: [Facet; 3] = [Facet::Status, Facet::JobType, Facet::Queue];
/// Number of jobs that are counted one by one, if no counter covers the filter.
const JOBS_MAX: u64 = 1_000_000;
/// Maximum number of values of a field.
const VALUES_MAX: u32 = 1_000;

/// Jobs by status, type and queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct Split {
    /// By status, the most frequent first.
    pub by_status: Vec<FacetCount>,
    /// By type, the most frequent first.
    pub by_type: Vec<FacetCount>,
    /// By queue, the most frequent first.
    pub by_queue: Vec<FacetCount>,
    /// Number of jobs that were counted.
    pub jobs: u64,
    /// `true` if all jobs were counted, `false` if only the newest ones were.
    pub is_exact: bool,
}

impl Operations {
    /// The numbers of all jobs of a filter; of the newest ones if counting all takes too long.
    pub(super) async fn split(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        newest: &[JobSummary],
        total: Total,
    ) -> Result<Split, ServiceError> {
        let found = u64::try_from(newest.len()).unwrap_or(u64::MAX);
        if total.is_exact && total.count <= found {
            return Ok(split_of(newest, true));
        }
        let is_counted = FACETS.iter().all(|facet| facet.is_counted(filter));
        if !total.is_exact || (!is_counted && total.count > JOBS_MAX) {
            return Ok(split_of(newest, false));
        }
        let facets = match self.jobs.facets(caller, filter, &FACETS, VALUES_MAX).await {
            Ok(facets) => facets,
            Err(ServiceError::ReadTimedOut { .. }) => return Ok(split_of(newest, false)),
            Err(failure) => return Err(failure),
        };
        if facets.iter().any(|facet| facet.has_more) {
            return Ok(split_of(newest, false));
        }
        let mut counts = facets.into_iter().map(|facet| facet.counts);
        Ok(Split {
            by_status: counts.next().unwrap_or_default(),
            by_type: counts.next().unwrap_or_default(),
            by_queue: counts.next().unwrap_or_default(),
            jobs: total.count,
            is_exact: true,
        })
    }
}

/// The numbers of these jobs.
fn split_of(jobs: &[JobSummary], is_exact: bool) -> Split {
    Split {
        by_status: counts_of(Facet::Status, jobs),
        by_type: counts_of(Facet::JobType, jobs),
        by_queue: counts_of(Facet::Queue, jobs),
        jobs: u64::try_from(jobs.len()).unwrap_or(u64::MAX),
        is_exact,
    }
}

fn counts_of(facet: Facet, jobs: &[JobSummary]) -> Vec<FacetCount> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for value in jobs.iter().flat_map(|job| facet.values_of(job)) {
        *counts.entry(value).or_default() += 1;
    }
    let counts = counts.into_iter().map(|(value, count)| FacetCount { value, count });
    let mut counts: Vec<FacetCount> = counts.collect();
    counts.sort_by_key(|FacetCount { count, .. }| std::cmp::Reverse(*count));
    counts
}
