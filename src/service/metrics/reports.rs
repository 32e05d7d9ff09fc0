//! Use cases of metrics. None of them counts jobs: counters are updated when jobs start and finish.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

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
pub(crate) use crate::runtime::writer::commit_stats::{CommitReport, DeliveryReport};
use crate::service::error::ServiceError;
use crate::storage::query::{Durations, PerformanceRollups, RollupFilter, TypeRollup};
use crate::storage::read_lane::ReadLane;
use crate::storage::repository::JobRepository;

/// Maximum number of failure reasons of a job type in reports; the rest is combined into one.
const REASONS_MAX: usize = 10;

/// Metrics and health of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemReport {
    /// The metrics.
    pub metrics: Arc<SystemMetrics>,
    /// Health with its reasons.
    pub health: Health,
}

/// Values of exported gauges.
#[derive(Clone, Debug)]
pub struct Gauges {
    /// The server's metrics and health.
    pub system: SystemReport,
    /// Each queue: its jobs, and its workers on this node.
    pub queues: Vec<QueueMetrics>,
    /// Longest wait of a due job, for each queue with due jobs.
    pub latencies: Vec<(QueueName, TimeSpan)>,
    /// Names of the webhook endpoints.
    pub endpoints: Vec<Arc<str>>,
    /// Number of rows in the write queue.
    pub pending_rows: usize,
    /// Number of handlers that block a thread after the end of their attempt.
    pub blocked_handlers: usize,
    /// Number of actor restarts since the node's start.
    pub restarts: u64,
    /// Longest wait of a message by kind of actor.
    pub lags: Vec<(&'static str, Duration)>,
    /// Number of commit reports that exporters did not receive.
    pub commit_reports_dropped: u64,
}

/// Performance of jobs in a time range.
#[derive(Clone, Debug, PartialEq)]
pub struct PerformanceReport {
    /// The time range.
    pub period: Period,
    /// Time of the report.
    pub at: DateTime<Utc>,
    /// Totals of the range.
    pub sums: RollupCounts,
    /// Distribution of run and wait times.
    pub durations: Durations,
    /// Number of finished jobs in the busiest hour.
    pub busiest_hour: u64,
    /// The days or hours of the range, in order.
    pub parts: Vec<(Part, RollupCounts)>,
}

impl PerformanceReport {
    /// Number of ended jobs per day of the range up to now, as an integer.
    pub fn jobs_per_day(&self) -> u64 {
        (self.sums.jobs_ended() as f64 / self.period.days_until(self.at)).floor() as u64
    }
}

/// Performance by job type in a time range.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTypesReport {
    /// The time range.
    pub period: Period,
    /// The types, by descending number of executions. Failure reasons are in descending frequency, with the rest as the
    /// last one.
    pub types: Vec<(JobType, TypeRollup)>,
}

/// Use cases of metrics.
#[derive(Clone)]
pub struct Metrics {
    repository: Arc<dyn JobRepository>,
    runtime: RuntimeHandle,
}

impl Metrics {
    /// The metrics of this storage and this runtime.
    pub fn new(repository: Arc<dyn JobRepository>, runtime: RuntimeHandle) -> Self {
        Self { repository, runtime }
    }

    /// The storage.
    pub(super) fn repository(&self) -> &dyn JobRepository {
        &*self.repository
    }

    /// The server's time.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.runtime.clock.now()
    }

    /// Metrics of the server, at most a second old.
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

    /// Commit reports of this node, for the exporter; `None` except for the first call.
    pub fn commits(&self) -> Option<mpsc::Receiver<CommitReport>> {
        self.runtime.commit_reports.subscribe()
    }

    /// The values of exported gauges, read from counters.
    pub async fn gauges(&self, caller: &Caller) -> Result<Gauges, ServiceError> {
        let lags = self.runtime.supervisor.lag_probes().lags().await;
        let system = self.system(caller).await?;
        let now = self.runtime.clock.now();
        let queues = self
            .runtime
            .sampler
            .send(ReadQueueMetrics {
                lane: ReadLane::current(),
            })
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
            commit_reports_dropped: self.runtime.commit_reports.dropped(),
        })
    }

    /// Performance of jobs in a time range, in total and by day or hour.
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
        let PerformanceRollups {
            parts: of_parts,
            busiest_hour,
            durations,
        } = self
            .repository
            .performance(filter, &spans, period.span, period.span.as_kept(now))
            .await?;
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

    /// Performance by job type in a time range, which is extended to whole hours of UTC, and to whole days where
    /// rollups are compacted: failure reasons have this granularity.
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
        // Types are sorted by name first, which breaks ties.
        types.sort_by_key(|(_, rollup)| Reverse(rollup.counts.executions()));
        Ok(JobTypesReport { period, types })
    }
}

/// The most frequent reasons first, with the rest combined at the end.
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
    fn the_most_frequent_reasons_are_reported_and_the_rest_combined() {
        let reasons = |count: u64| (1..=count).map(|number| (format!("reason {number:02}"), number));
        let few = most_frequent(reasons(3).collect());
        let counts: Vec<u64> = few.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [3, 2, 1]);
        let many = most_frequent(reasons(12).collect());
        assert_eq!(many.len(), REASONS_MAX);
        assert_eq!(many[0], ("reason 12".to_owned(), 12));
        assert_eq!(many[REASONS_MAX - 1], (OTHER.to_owned(), 1 + 2 + 3));
        // Reasons that storage has combined already belong to the rest.
        let folded = most_frequent(reasons(2).chain([(OTHER.to_owned(), 7)]).collect());
        assert_eq!(folded[2], (OTHER.to_owned(), 7));
    }
}
