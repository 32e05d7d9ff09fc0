//! Previews: the jobs that an operation would change, and its token.

use std::sync::Arc;

use super::scopes::require;
use super::split::Split;
use super::use_cases::Operations;
use crate::domain::access::caller::Caller;
use crate::domain::filter::JobFilter;
use crate::domain::job::status::JobStatus;
use crate::domain::operation::action::Action;
use crate::domain::operation::progress::SkipReason;
use crate::domain::operation::status::OperationStatus;
use crate::domain::operation::{Operation, Requester, Total};
use crate::domain::values::id::{JobId, OperationId};
use crate::domain::values::name::QueueName;
use crate::runtime::writer::messages::WritePriority;
use crate::service::error::ServiceError;
use crate::storage::change::{Applied, Change, OperationChange};
use crate::storage::query::{JobSummary, Order, Page};

/// Number of the newest jobs that a preview reads.
const NEWEST_JOBS: u32 = 2_000;
/// Number of the newest and of the oldest jobs of a sample.
const SAMPLE_JOBS: u32 = 5;

/// An operation to preview.
#[derive(Clone, Debug)]
pub(crate) struct PreviewRequest {
    /// The change of each job.
    pub action: Action,
    /// The filter.
    pub filter: JobFilter,
    /// True if an empty filter selects all jobs deliberately.
    pub all: bool,
}

/// The jobs that an operation would change.
#[derive(Clone, Debug)]
pub(crate) struct Preview {
    /// The operation, which is not started.
    pub operation: Arc<Operation>,
    /// The numbers of jobs by status, type and queue.
    pub split: Split,
    /// The newest and the oldest of the jobs.
    pub sample: Vec<JobSummary>,
    /// Jobs that it would skip, by reason.
    pub skipped: Vec<(SkipReason, Total)>,
    /// Warnings for the caller.
    pub warnings: Vec<String>,
}

impl Operations {
    /// Previews an operation. The token of the result starts it.
    pub(crate) async fn preview(&self, caller: &Caller, request: PreviewRequest) -> Result<Preview, ServiceError> {
        require(caller)?;
        let PreviewRequest { action, filter, all } = request;
        if filter.is_empty() && !all {
            return Err(ServiceError::invalid(
                "filter",
                "the filter is empty and matches every job; add a condition, or send \"all\": true",
            ));
        }
        let filter = self.jobs.resolved(&filter).await?.into_owned();
        let statuses = action.statuses();
        let allowed = filter.clone().with_statuses(statuses);
        let now = self.runtime.clock.now();
        let (newest, has_more) = self
            .jobs
            .page(caller, &allowed, page(NEWEST_JOBS, Order::NewestFirst))
            .await?;
        let found = u64::try_from(newest.len()).unwrap_or(u64::MAX);
        let total = if has_more {
            self.total(caller, &allowed, found).await?
        } else {
            Total {
                count: found,
                is_exact: true,
            }
        };
        let sample = self.sample(caller, &allowed, &newest, has_more).await?;
        let split = self.split(caller, &allowed, &newest, total).await?;
        let skipped = self.skipped(caller, &action, &filter).await?;
        let warnings = self.warnings(&action, &split).await?;
        // Greater than the id of each job that this server has stored, and smaller than that of each later one.
        let up_to = JobId::new(now, self.runtime.ids.next());
        let operation = Arc::new(Operation::preview(
            OperationId::new(now, rand::random()),
            (action, Arc::from(filter.to_string())),
            total,
            up_to,
            Requester::of(caller),
            now,
        ));
        let change = Change::Operation(OperationChange::Insert {
            operation: Arc::clone(&operation),
            undone: None,
        });
        match self.runtime.writer.write_one(change, WritePriority::Client).await? {
            Ok(Applied::OperationStored) => {}
            Ok(other) => return Err(ServiceError::unexpected(&other)),
            Err(refused) => return Err(refused.into()),
        }
        Ok(Preview {
            operation,
            split,
            sample,
            skipped,
            warnings,
        })
    }

    /// Number of matching jobs; a bound if counting them takes too long.
    pub(super) async fn total(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        at_least: u64,
    ) -> Result<Total, ServiceError> {
        match self.jobs.count(caller, filter).await {
            Ok(count) => Ok(Total { count, is_exact: true }),
            Err(ServiceError::ReadTimedOut { .. }) => Ok(Total {
                count: at_least,
                is_exact: false,
            }),
            Err(failure) => Err(failure),
        }
    }

    /// The newest and the oldest jobs.
    async fn sample(
        &self,
        caller: &Caller,
        filter: &JobFilter,
        newest: &[JobSummary],
        has_more: bool,
    ) -> Result<Vec<JobSummary>, ServiceError> {
        let few = usize::try_from(SAMPLE_JOBS).unwrap_or(usize::MAX);
        let mut sample: Vec<JobSummary> = newest.iter().take(few).cloned().collect();
        let oldest = if has_more {
            let oldest = page(SAMPLE_JOBS, Order::OldestFirst);
            match self.jobs.page(caller, filter, oldest).await {
                Ok((mut oldest, _)) => {
                    oldest.reverse();
                    oldest
                }
                Err(ServiceError::ReadTimedOut { .. }) => Vec::new(),
                Err(failure) => return Err(failure),
            }
        } else {
            let first = newest.len().saturating_sub(few).max(sample.len());
            newest[first.min(newest.len())..].to_vec()
        };
        sample.extend(oldest);
        Ok(sample)
    }

    /// The jobs that the operation would skip, as far as it is known now.
    async fn skipped(
        &self,
        caller: &Caller,
        action: &Action,
        filter: &JobFilter,
    ) -> Result<Vec<(SkipReason, Total)>, ServiceError> {
        let others = JobStatus::ALL.into_iter();
        let others: Vec<JobStatus> = others.filter(|status| !action.statuses().contains(status)).collect();
        let mut skipped = Vec::new();
        if !others.is_empty() {
            let of_status = filter.clone().with_statuses(&others);
            skipped.push((SkipReason::Status, self.total(caller, &of_status, 0).await?));
        }
        let allowed = filter.clone().with_statuses(action.statuses());
        let unchanged = match action {
            Action::Move { queue } => Some(allowed.with_queue(queue)),
            Action::SetPriority { priority } => Some(allowed.with_priority(*priority)),
            Action::Cancel | Action::Retry { .. } | Action::Execute { .. } | Action::Delete | Action::Undo { .. } => {
                None
            }
        };
        if let Some(unchanged) = unchanged {
            skipped.push((SkipReason::Unchanged, self.total(caller, &unchanged, 0).await?));
        }
        skipped.retain(|(_, total)| total.count > 0 || !total.is_exact);
        Ok(skipped)
    }

    async fn warnings(&self, action: &Action, split: &Split) -> Result<Vec<String>, ServiceError> {
        let mut warnings = Vec::new();
        for open in self.repository.open_operations().await? {
            if open.status != OperationStatus::Paused {
                warnings.push(format!(
                    "operation {} ({}) is {} and runs first; this one finds the jobs as it leaves them",
                    open.id,
                    open.action.kind(),
                    open.status
                ));
            }
        }
        let count_of = |status| {
            split
                .by_status
                .iter()
                .find(|of| of.value == JobStatus::as_str(status))
                .map_or(0, |of| of.count)
        };
        match action {
            Action::Cancel if count_of(JobStatus::Running) > 0 => warnings.push(format!(
                "{} running jobs are requested to stop, which can't be undone",
                count_of(JobStatus::Running)
            )),
            Action::Delete => warnings.push("deleted jobs and their history can't be restored".to_owned()),
            Action::Retry { .. } | Action::Execute { .. } => {
                let queues = self.repository.queues(self.runtime.clock.now()).await?;
                let is_affected = |name: &QueueName| split.by_queue.iter().any(|queue| queue.value == name.as_str());
                let paused = queues
                    .iter()
                    .filter(|queue| queue.is_paused && is_affected(&queue.name));
                warnings.extend(
                    paused.map(|queue| format!("queue '{}' is paused: its jobs start when it is resumed", queue.name)),
                );
            }
            Action::Cancel | Action::Move { .. } | Action::SetPriority { .. } | Action::Undo { .. } => {}
        }
        Ok(warnings)
    }
}

fn page(limit: u32, order: Order) -> Page {
    Page {
        limit,
        offset: 0,
        after: None,
        order,
    }
}
