//! Rounds of the leader: the occurrences that are due.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tracing::{error, info};

use crate::domain::cluster::leadership::FencingToken;
use crate::domain::job::new_job::DefaultsByType;
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::runtime::actor::clock::{Clock, IdSource};
use crate::runtime::actor::failure_log::MaybeOutage;
use crate::runtime::writer::error::WriteError;
use crate::runtime::writer::handle::WriterHandle;
use crate::runtime::writer::messages::WritePriority;
use crate::storage::change::{Applied, Change, ChangeError, ClusterChange, Fire, RecurringChange};
use crate::storage::query::DueRecurring;
use crate::storage::repository::{JobRepository, RepositoryError};

/// Maximum number of recurring jobs per round.
const BATCH_SIZE: u32 = 200;

/// Number of recurring jobs read at a time, with their parameters, after a clock step.
const CORRECTED_BATCH_SIZE: u32 = 16;

/// Dependencies of the recurring scheduler.
#[derive(Clone)]
pub(crate) struct RecurringSchedulerDeps {
    /// The storage.
    pub repository: Arc<dyn JobRepository>,
    /// Writes changes.
    pub writer: WriterHandle,
    /// The time of day.
    pub clock: Clock,
    /// Generates ids of occurrences.
    pub ids: Arc<IdSource>,
    /// Defaults of occurrences for what their template leaves open.
    pub defaults: Arc<DefaultsByType>,
    /// This node.
    pub node: NodeId,
    /// Lifetime of the node's leadership without a renewal.
    pub lease: TimeSpan,
}

/// Reasons why a round failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoundError {
    #[error(transparent)]
    Read(#[from] RepositoryError),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl MaybeOutage for RoundError {
    fn is_outage(&self) -> bool {
        match self {
            Self::Read(failure) => failure.is_outage(),
            Self::Write(failure) => failure.is_outage(),
        }
    }
}

/// Result of a round.
pub(super) struct Round {
    /// More occurrences may be due.
    pub(super) is_full: bool,
    /// A due recurring job was changed meanwhile, and may be due again.
    pub(super) has_conflict: bool,
    /// The fencing token is no longer valid.
    pub(super) has_lost_lead: bool,
    /// The earliest remaining due time.
    pub(super) next: Option<DateTime<Utc>>,
}

impl RecurringSchedulerDeps {
    /// Requests leadership. Returns its fencing token; `None` while another node leads.
    pub(super) async fn request_leadership(&self) -> Result<Option<FencingToken>, WriteError> {
        let lead = Change::Cluster(ClusterChange::Lead {
            node: self.node,
            lease: self.lease,
        });
        match self.writer.write_one(lead, WritePriority::Internal).await? {
            Ok(Applied::Led(token)) => Ok(token),
            Ok(_) | Err(_) => Ok(None),
        }
    }

    /// Corrects the next run of recurring jobs that was calculated by a clock that was ahead. Returns `false` if this node no
    /// longer leads.
    pub(super) async fn set_back(&self, token: FencingToken) -> Result<bool, RoundError> {
        let mut after = None;
        loop {
            let found = self.repository.recurring_after(after, CORRECTED_BATCH_SIZE).await?;
            // Recurring jobs that were stored while the storage responded are not ahead.
            let now = self.clock.now();
            let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
            after = found.last().map(|last| last.id).or(after);
            let changes: Vec<Change> = found
                .into_iter()
                .filter_map(|before| {
                    let after = before.set_back(now)?;
                    info!(recurring.id = %before.id, "the clock was ahead: recurring job {} runs next at {}", before.id, after.next_run_at.unwrap_or(now));
                    Some(Change::Recurring(RecurringChange::Fire(Fire {
                        before,
                        after: Arc::new(after),
                        occurrences: Vec::new(),
                        leader: Some((self.node, token)),
                    })))
                })
                .collect();
            if !changes.is_empty() {
                // A job that was changed meanwhile was calculated by the present clock.
                let results = self.writer.write(changes, WritePriority::Internal).await?;
                if results.contains(&Err(ChangeError::NoLease)) {
                    return Ok(false);
                }
            }
            if count < CORRECTED_BATCH_SIZE {
                return Ok(true);
            }
        }
    }

    /// Creates the due occurrences.
    pub(super) async fn create_occurrences(&self, token: FencingToken) -> Result<Round, RoundError> {
        let now = self.clock.now();
        let DueRecurring {
            recurring_jobs: due,
            has_more,
        } = self.repository.due_recurring(now, BATCH_SIZE).await?;
        let unfinished = self.unfinished_of(&due).await?;
        let fires: Vec<Change> = due
            .into_iter()
            .filter_map(|before| {
                let open = unfinished.get(&before.id).copied().unwrap_or_default();
                self.fire(before, now, open, token)
            })
            .collect();
        let has_any = !fires.is_empty();
        let (mut has_lost_lead, mut has_conflict) = (false, false);
        if has_any {
            for result in self.writer.write(fires, WritePriority::Internal).await? {
                match result {
                    Ok(_) => {}
                    Err(ChangeError::Conflict) => has_conflict = true,
                    Err(ChangeError::NoLease) => has_lost_lead = true,
                    Err(refused) => error!("occurrences were rejected by storage: {refused}"),
                }
            }
        }
        Ok(Round {
            is_full: has_more && has_any,
            has_conflict,
            has_lost_lead,
            // What was due at `now` has been handled; what remains due can't be, and is not awaited.
            next: self.repository.next_recurring(now).await?,
        })
    }

    /// Number of unfinished occurrences of the recurring jobs for which it matters.
    async fn unfinished_of(&self, due: &[Arc<RecurringJob>]) -> Result<HashMap<RecurringId, u64>, RepositoryError> {
        let ids: Vec<RecurringId> = due
            .iter()
            .filter(|recurring| recurring.overlap_policy != OverlapPolicy::Allow || !recurring.waiting.is_empty())
            .map(|recurring| recurring.id)
            .collect();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.repository.unfinished_occurrences(&ids).await
    }

    fn fire(&self, before: Arc<RecurringJob>, now: DateTime<Utc>, open: u64, token: FencingToken) -> Option<Change> {
        let tick = before.tick(now, open)?;
        let defaults = self.defaults.of(&before.template.job_type);
        let occurrences = tick
            .occurrences
            .iter()
            .map(|due_at| Arc::new(before.occurrence(*due_at, defaults, now, self.ids.next())))
            .collect();
        Some(Change::Recurring(RecurringChange::Fire(Fire {
            before,
            after: Arc::new(tick.after),
            occurrences,
            leader: Some((self.node, token)),
        })))
    }
}
