//! Use cases of failures: their kinds, each with a fingerprint, and one kind in detail.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use super::reports::Metrics;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::metrics::fingerprint::Fingerprint;
use crate::domain::metrics::time_range::{Part, Period, PeriodRequest};
use crate::domain::values::id::NodeId;
use crate::domain::values::name::JobType;
use crate::service::error::ServiceError;
use crate::storage::query::{JobSummary, RollupFilter};

/// Number of jobs of a kind whose nodes are counted.
const COUNTED_JOBS: u32 = 200;
/// Number of newest jobs in a report.
const NEWEST_JOBS: usize = 20;

/// A kind of failures: a type and a reason, with numbers, ids and quoted values replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its id.
    pub fingerprint: Fingerprint,
    /// The type.
    pub job_type: JobType,
    /// The reason.
    pub reason: String,
    /// Number of failed attempts in the period.
    pub count: u64,
    /// Time of the first failed attempt, to five seconds; `None` if it was not recorded.
    pub first_seen: Option<DateTime<Utc>>,
    /// Time of the last one.
    pub last_seen: Option<DateTime<Utc>>,
}

/// Kinds of failures in a time range.
#[derive(Clone, Debug, PartialEq)]
pub struct FailuresReport {
    /// The time range.
    pub period: Period,
    /// The most frequent kinds first.
    pub failures: Vec<Failure>,
    /// Number of all kinds.
    pub total: usize,
}

/// A node or a remote worker on which jobs failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailurePlace {
    /// Its id.
    pub id: NodeId,
    /// Its name; `None` if it is no longer listed.
    pub name: Option<String>,
    /// True for a remote worker; `None` if it is no longer listed.
    pub is_worker: Option<bool>,
    /// Number of the newest jobs that failed there.
    pub jobs: u64,
}

/// A kind of failures in a time range.
#[derive(Clone, Debug, PartialEq)]
pub struct FailureReport {
    /// The time range.
    pub period: Period,
    /// The kind.
    pub failure: Failure,
    /// Failed attempts by days or hours, in order.
    pub parts: Vec<(Part, u64)>,
    /// Where the newest jobs failed, the most frequent first.
    pub places: Vec<FailurePlace>,
    /// The newest jobs whose last attempt failed so.
    pub jobs: Vec<JobSummary>,
}

impl Metrics {
    /// Kinds of failures in a time range, which is extended as in [`Metrics::job_types`].
    pub async fn failures(
        &self,
        caller: &Caller,
        request: &PeriodRequest,
        filter: &RollupFilter,
        limit: u32,
    ) -> Result<FailuresReport, ServiceError> {
        caller.require(Scope::Read)?;
        let now = self.now();
        let period = request.resolve(now)?.as_kept(now);
        let found = self.repository().type_rollups(filter, period.span).await?;
        let mut failures = Vec::new();
        for (job_type, rollup) in found {
            for (reason, count) in rollup.reasons {
                failures.push(Failure {
                    fingerprint: Fingerprint::of(&job_type, &reason),
                    job_type: job_type.clone(),
                    reason,
                    count,
                    first_seen: None,
                    last_seen: None,
                });
            }
        }
        let total = failures.len();
        failures.sort_by(|one, other| {
            let key = |failure: &Failure| Reverse(failure.count);
            key(one)
                .cmp(&key(other))
                .then_with(|| (&one.job_type, &one.reason).cmp(&(&other.job_type, &other.reason)))
        });
        failures.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let fingerprints: Vec<Fingerprint> = failures.iter().map(|failure| failure.fingerprint).collect();
        let seen = self.repository().failures_seen(&fingerprints).await?;
        let seen: HashMap<Fingerprint, _> = seen.into_iter().map(|seen| (seen.fingerprint, seen)).collect();
        for failure in &mut failures {
            if let Some(seen) = seen.get(&failure.fingerprint) {
                failure.first_seen = Some(seen.first_seen.start());
                failure.last_seen = Some(seen.last_seen.start());
            }
        }
        Ok(FailuresReport {
            period,
            failures,
            total,
        })
    }

    /// A kind of failures in a time range: its count over time, where it occurs, and its newest jobs.
    pub async fn failure(
        &self,
        caller: &Caller,
        fingerprint: Fingerprint,
        request: &PeriodRequest,
    ) -> Result<FailureReport, ServiceError> {
        caller.require(Scope::Read)?;
        let now = self.now();
        let period = request.resolve(now)?;
        let seen = self.repository().failures_seen(&[fingerprint]).await?;
        let seen = seen
            .into_iter()
            .next()
            .ok_or(ServiceError::NoSuchFailure { fingerprint })?;
        let parts = period.parts(now);
        let spans: Vec<_> = parts.iter().map(|part| part.span).collect();
        let filter = RollupFilter {
            queue: None,
            job_types: vec![seen.job_type.clone()],
        };
        let counts = self.repository().failure_counts(&filter, &seen.reason, &spans).await?;
        let mut jobs = self.repository().failed_jobs(fingerprint, COUNTED_JOBS).await?;
        let places = self.places(&jobs).await?;
        jobs.truncate(NEWEST_JOBS);
        Ok(FailureReport {
            period,
            failure: Failure {
                fingerprint,
                job_type: seen.job_type,
                reason: seen.reason,
                count: counts.iter().sum(),
                first_seen: Some(seen.first_seen.start()),
                last_seen: Some(seen.last_seen.start()),
            },
            parts: parts.into_iter().zip(counts).collect(),
            places,
            jobs,
        })
    }

    /// The nodes and workers of jobs, with their names.
    async fn places(&self, jobs: &[JobSummary]) -> Result<Vec<FailurePlace>, ServiceError> {
        let mut counts: BTreeMap<NodeId, u64> = BTreeMap::new();
        for node in jobs.iter().filter_map(|job| job.node) {
            *counts.entry(node).or_default() += 1;
        }
        if counts.is_empty() {
            return Ok(Vec::new());
        }
        let nodes = self.repository().nodes().await?.into_iter();
        let mut names: HashMap<NodeId, (String, bool)> = nodes.map(|node| (node.id, (node.name, false))).collect();
        let workers = self.repository().workers().await?.into_iter();
        names.extend(workers.map(|worker| (worker.id, (worker.declaration.name.to_string(), true))));
        let mut places: Vec<FailurePlace> = counts
            .into_iter()
            .map(|(id, jobs)| {
                let known = names.get(&id);
                FailurePlace {
                    id,
                    name: known.map(|(name, _)| name.clone()),
                    is_worker: known.map(|(_, is_worker)| *is_worker),
                    jobs,
                }
            })
            .collect();
        places.sort_by_key(|place| Reverse(place.jobs));
        Ok(places)
    }
}
