//! Heartbeats of remote workers: renewal of the lease, reports, cancellations and lost attempts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::complete::finish;
use super::error::RemoteWorkerError;
use super::operations::RemoteWorkers;
use crate::domain::cluster::remote_worker::{AttemptReport, LogLine, Progress};
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::cluster::node_lease::steady_now;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Change, JobChange};
use crate::storage::query::RunningJob;

/// A running attempt, as its worker reports it.
#[derive(Clone, Debug)]
pub struct ReportedJob {
    /// The job.
    pub job_id: JobId,
    /// The attempt.
    pub attempt: u32,
    /// Its progress.
    pub progress: Option<Progress>,
    /// Its new log lines.
    pub log: Vec<LogLine>,
}

/// Response to a heartbeat.
#[derive(Clone, Debug)]
pub struct HeartbeatResponse {
    /// End of the lease, by storage's clock.
    pub lease_until: DateTime<Utc>,
    /// Jobs that were cancelled.
    pub cancelled: Vec<JobId>,
    /// Jobs that the worker has lost.
    pub lost: Vec<JobId>,
}

impl RemoteWorkers {
    /// Renews a worker's lease and stores its reports. `None` for an unknown worker.
    pub async fn heartbeat(
        &self,
        worker: NodeId,
        held: Vec<ReportedJob>,
    ) -> Result<Option<HeartbeatResponse>, RemoteWorkerError> {
        let Some(lease_until) = self.renew(worker, WritePriority::Client).await? else {
            return Ok(None);
        };
        let running = self.deps.repository.running_on(worker).await?;
        let own: HashSet<(JobId, u32)> = running.iter().map(|job| (job.id, job.attempt)).collect();
        let named: HashSet<(JobId, u32)> = held.iter().map(|held| (held.job_id, held.attempt)).collect();
        let mut lost: Vec<JobId> = named.difference(&own).map(|(id, _)| *id).collect();
        let ended = self.end_overdue(&running, &named).await?;
        lost.extend(ended.iter().filter(|id| held.iter().any(|held| held.job_id == **id)));
        self.store_reports(held, &own).await?;
        let cancelled = running
            .iter()
            .filter(|job| job.cancel_requested && !ended.contains(&job.id))
            .map(|job| job.id);
        Ok(Some(HeartbeatResponse {
            lease_until,
            cancelled: cancelled.collect(),
            lost,
        }))
    }

    /// Completes overdue attempts: they have timed out, have not stopped within the grace period, or are unknown to the
    /// worker because the response that leased the job was lost.
    async fn end_overdue(
        &self,
        running: &[RunningJob],
        named: &HashSet<(JobId, u32)>,
    ) -> Result<HashSet<JobId>, RemoteWorkerError> {
        let now = self.deps.clock.now();
        let mut overdue: HashMap<JobId, (u32, Outcome)> = HashMap::new();
        let steady = steady_now();
        let (lease, notified_at) = (self.deps.lease.to_std(), Instant::now());
        self.ages().purge(steady, lease);
        self.cancelled().purge(notified_at, self.deps.cancel_grace * 2 + lease);
        for job in running {
            let age = TimeSpan::between(job.started_at, now).to_std();
            let age = self.ages().age_of((job.id, job.attempt), age, steady);
            let outcome = if job.cancel_requested && self.is_past_grace(job, notified_at) {
                Outcome::Cancelled
            } else if age > job.timeout.to_std() {
                Outcome::Failed(Failure::new(format!("timed out after {}", job.timeout)))
            } else if !named.contains(&(job.id, job.attempt)) && age > lease {
                Outcome::Lost
            } else {
                continue;
            };
            overdue.insert(job.id, (job.attempt, outcome));
        }
        if overdue.is_empty() {
            return Ok(HashSet::new());
        }
        let ids: Vec<JobId> = overdue.keys().copied().collect();
        let jobs = self.deps.repository.jobs_in_brief(&ids).await?;
        let changes: Vec<Change> = jobs
            .iter()
            .filter_map(|job| {
                let (attempt, outcome) = overdue.get(&job.id)?;
                (job.status == JobStatus::Running && job.attempt == *attempt).then(|| finish(job, outcome.clone(), now))
            })
            .collect();
        // A job that has just been cancelled is completed with the next heartbeat.
        self.deps.writer.write(changes, WritePriority::Internal).await?;
        Ok(overdue.into_keys().collect())
    }

    fn is_past_grace(&self, job: &RunningJob, now: Instant) -> bool {
        self.cancelled().time_since((job.id, job.attempt), now) > self.deps.cancel_grace
    }

    async fn store_reports(
        &self,
        held: Vec<ReportedJob>,
        own: &HashSet<(JobId, u32)>,
    ) -> Result<(), RemoteWorkerError> {
        let at = self.deps.clock.now();
        let limits = &self.deps.limits;
        let mut reports: HashMap<JobId, AttemptReport> = HashMap::new();
        for held in held {
            let ReportedJob {
                job_id,
                attempt,
                progress,
                log,
            } = held;
            if !own.contains(&(job_id, attempt)) || (progress.is_none() && log.is_empty()) {
                continue;
            }
            let message = |text: Arc<str>| Arc::from(limits.bound_line(&text));
            let report = AttemptReport {
                job_id,
                attempt,
                at,
                progress: progress.map(|progress| Progress {
                    basis_points: progress.basis_points,
                    message: progress.message.map(message),
                }),
                log: log
                    .into_iter()
                    .map(|line| LogLine {
                        message: message(line.message),
                        ..line
                    })
                    .collect(),
            };
            reports.insert(job_id, report);
        }
        if reports.is_empty() {
            return Ok(());
        }
        let ids: Vec<JobId> = reports.keys().copied().collect();
        let jobs = self.deps.repository.jobs_in_brief(&ids).await?;
        let changes = jobs.into_iter().filter_map(|job| {
            let report = reports.remove(&job.id)?;
            Some(Change::Job(JobChange::Report {
                job,
                report: Arc::new(report),
            }))
        });
        let changes: Vec<Change> = changes.collect();
        self.deps.writer.write(changes, WritePriority::Client).await?;
        Ok(())
    }
}
