//! Use cases of the server's numbers. None of them counts jobs: all is counted when they start and end.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::error::ServiceError;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::metrics::failure_reason::OTHER;
use crate::domain::metrics::health::Health;
use crate::domain::metrics::rollup::RollupCounts;
use crate::domain::metrics::time_range::{InvalidPeriod, Part, Period, PeriodRequest};
use crate::domain::metrics::{QueueMetrics, SystemMetrics};
use crate::domain::values::name::{JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::RuntimeHandle;
use crate::runtime::monitoring::messages::{ReadHealth, ReadQueueMetrics, ReadSystemMetrics};
pub use crate::runtime::writer::commit_stats::{CommitReport, DeliveryReport};
use crate::storage::query::{Durations, RollupFilter, TypeRollup};
use crate::storage::repository::JobRepository;

/// How many reasons of failures are told of a job type; what is left is told as one.
pub const REASONS_MAX: usize = 10;

/// The server in numbers, and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemReport {
    /// The numbers.
    pub metrics: Arc<SystemMetrics>,
    /// How it is, and why.
    pub health: Health,
}

/// The server in numbers, as they are exported.
#[derive(Clone, Debug)]
pub struct Gauges {
    /// The server as a whole, and how it is.
    pub system: SystemReport,
    /// Each queue: its jobs, and its workers on this node.
    pub queues: Vec<QueueMetrics>,
    /// How long a due job waits in each queue that has one, at the longest.
    pub latencies: Vec<(QueueName, TimeSpan)>,
    /// The names of the webhook endpoints.
    pub endpoints: Vec<Arc<str>>,
    /// How many rows wait to be written.
    pub pending_rows: usize,
    /// How many handlers block a thread after their attempt has ended.
    pub blocked_handlers: usize,
    /// How often actors were restarted since this node started.
    pub restarts: u64,
    /// How long a message waits for an actor, by what it is, at the longest.
    pub lags: Vec<(&'static str, Duration)>,
    /// How many commits were not told to who exports numbers.
    pub commits_missed: u64,
}

/// What has become of jobs in a period.
#[derive(Clone, Debug, PartialEq)]
pub struct PerformanceReport {
    /// Which period.
    pub period: Period,
    /// Up to when it could be told.
    pub at: DateTime<Utc>,
    /// All of it together.
    pub sums: RollupCounts,
    /// How long jobs have run and waited.
    pub durations: Durations,
    /// How many jobs have ended in the hour in which most have.
    pub busiest_hour: u64,
    /// Its days or hours, in their order.
    pub parts: Vec<(Part, RollupCounts)>,
}

/// What has become of jobs of each type in a period.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTypesReport {
    /// Which period.
    pub period: Period,
    /// The types, those with the most executions first. The most frequent reasons come first, and what is left is the
    /// last one.
    pub types: Vec<(JobType, TypeRollup)>,
}

/// Use cases of the server's numbers.
#[derive(Clone)]
pub struct Metrics {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
}

impl Metrics {
    /// The numbers of this storage and this runtime.
    pub fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self { repository, runtime }
    }

    /// The server in numbers: no older than a second, however often it is asked.
    pub async fn system(&self, caller: &Caller) -> Result<SystemReport, ServiceError> {
        caller.require(Scope::Read)?;
        let metrics = self
            .runtime
            .sampler
            .send(ReadSystemMetrics)
            .await
            .map_err(|_| away())??;
        let health = self.runtime.sampler.send(ReadHealth).await.map_err(|_| away())?;
        Ok(SystemReport { metrics, health })
    }

    /// What commits of this node do from now on, for who exports numbers: once, `None` for anybody else.
    pub fn commits(&self) -> Option<mpsc::Receiver<CommitReport>> {
        self.runtime.commit_reports.subscribe()
    }

    /// The numbers that are exported, read from counters.
    pub async fn gauges(&self, caller: &Caller) -> Result<Gauges, ServiceError> {
        let lags = self.runtime.supervisor.lag_probes().lags().await;
        let system = self.system(caller).await?;
        let now = self.runtime.clock.now();
        let queues = self
            .runtime
            .sampler
            .send(ReadQueueMetrics)
            .await
            .map_err(|_| away())??;
        let waiting = self.repository.next_due(DateTime::UNIX_EPOCH).await?;
        let endpoints = self.repository.endpoints().await?;
        Ok(Gauges {
            system,
            queues,
            endpoints: endpoints
                .iter()
                .map(|stored| Arc::clone(&stored.endpoint.name))
                .collect(),
            latencies: waiting
                .into_iter()
                .filter(|(_, due_at)| *due_at <= now)
                .map(|(queue, due_at)| (queue, TimeSpan::from_delta(now - due_at)))
                .collect(),
            pending_rows: self.runtime.writer.pending_rows().await,
            blocked_handlers: self.runtime.blocked.count(),
            restarts: self.runtime.supervisor.restarts(),
            lags,
            commits_missed: self.runtime.commit_reports.dropped(),
        })
    }

    /// What has become of jobs in a period, all together and by days or hours.
    pub async fn performance(
        &self,
        caller: &Caller,
        request: &PeriodRequest,
        filter: &RollupFilter,
    ) -> Result<PerformanceReport, ServiceError> {
        caller.require(Scope::Read)?;
        let now = self.runtime.clock.now();
        let period = request.resolve(now)?;
        let parts = period.parts(now);
        let spans: Vec<_> = parts.iter().map(|part| part.span).collect();
        let (of_parts, durations, busiest_hour) = tokio::try_join!(
            self.repository.rollups(filter, &spans),
            self.repository.durations(filter, period.span.as_kept(now)),
            self.repository.busiest_hour(filter, period.span),
        )?;
        let mut sums = RollupCounts::default();
        for counts in &of_parts {
            sums += *counts;
        }
        Ok(PerformanceReport {
            period,
            at: now,
            sums,
            durations,
            busiest_hour,
            parts: parts.into_iter().zip(of_parts).collect(),
        })
    }

    /// What has become of jobs of each type in a period, which is extended to whole hours of UTC, and whole days where it
    /// is older: by these, reasons are counted.
    pub async fn job_types(
        &self,
        caller: &Caller,
        request: &PeriodRequest,
        filter: &RollupFilter,
    ) -> Result<JobTypesReport, ServiceError> {
        caller.require(Scope::Read)?;
        let now = self.runtime.clock.now();
        let period = request.resolve(now)?.as_kept(now);
        let found = self.repository.type_rollups(filter, period.span).await?;
        let mut types: Vec<(JobType, TypeRollup)> = found.into_iter().collect();
        for (_, rollup) in &mut types {
            rollup.reasons = most_frequent(std::mem::take(&mut rollup.reasons));
        }
        // Types come in the order of their names, which stays where numbers are equal.
        types.sort_by_key(|(_, rollup)| Reverse(rollup.counts.executions()));
        Ok(JobTypesReport { period, types })
    }
}

/// The most frequent reasons first; what is left is one reason at the end.
fn most_frequent(mut reasons: Vec<(String, u64)>) -> Vec<(String, u64)> {
    reasons.sort_by(|(one, ones), (other, others)| (*others, one).cmp(&(*ones, other)));
    let mut left = 0;
    reasons.retain(|(reason, count)| {
        let is_rest = reason == OTHER;
        left += if is_rest { *count } else { 0 };
        !is_rest
    });
    if reasons.len() + usize::from(left > 0) > REASONS_MAX {
        left += reasons.drain(REASONS_MAX - 1..).map(|(_, count)| count).sum::<u64>();
    }
    if left > 0 {
        reasons.push((OTHER.to_owned(), left));
    }
    reasons
}

impl From<InvalidPeriod> for ServiceError {
    fn from(error: InvalidPeriod) -> Self {
        let field = match error {
            InvalidPeriod::TooManyHours => "granularity",
            InvalidPeriod::Backwards | InvalidPeriod::TooLong | InvalidPeriod::OutOfRange => "from",
        };
        Self::Invalid {
            field,
            index: None,
            detail: error.to_string(),
        }
    }
}

fn away() -> ServiceError {
    ServiceError::Unavailable {
        reason: "the sampler has stopped".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{OTHER, REASONS_MAX, most_frequent};

    #[test]
    fn the_most_frequent_reasons_are_told_and_the_rest_as_one() {
        let reasons = |count: u64| (1..=count).map(|number| (format!("reason {number:02}"), number));
        let few = most_frequent(reasons(3).collect());
        let counts: Vec<u64> = few.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [3, 2, 1]);
        let many = most_frequent(reasons(12).collect());
        assert_eq!(many.len(), REASONS_MAX);
        assert_eq!(many[0], ("reason 12".to_owned(), 12));
        assert_eq!(many[REASONS_MAX - 1], (OTHER.to_owned(), 1 + 2 + 3));
        // What storage has folded already belongs to the rest.
        let folded = most_frequent(reasons(2).chain([(OTHER.to_owned(), 7)]).collect());
        assert_eq!(folded[2], (OTHER.to_owned(), 7));
    }
}
