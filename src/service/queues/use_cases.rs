//! Use cases of queues.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Instant;

use tokio::time::sleep;

use crate::domain::access::audit::AuditRecord;
use crate::domain::access::caller::{Caller, Scope};
use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::QueueMetrics;
use crate::domain::queue::{QueueSettings, StatusCounts, StoredQueue, Throughput};
use crate::domain::values::id::JobId;
use crate::domain::values::name::QueueName;
use crate::runtime::RuntimeHandle;
use crate::service::audit_writer;
use crate::service::audit_writer::{AuditWriter, AuditedAction};
use crate::service::error::ServiceError;
use crate::service::limits::claims::{CLAIM_POLL, CLAIM_WAIT};
use crate::service::limits::job_limits::JobLimits;
use crate::storage::change::{Applied, Change, QueueChange};
use crate::storage::query::{JobFilter, Order, Page};
use crate::storage::repository::JobRepository;

/// Number of jobs that one step of clearing a queue deletes: small enough not to block other writes.
const CLEAR_STEP: u32 = 1_000;

/// A queue with its metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Name.
    pub name: QueueName,
    /// True if it starts no jobs until it is resumed.
    pub is_paused: bool,
    /// Jobs by status.
    pub counts: StatusCounts,
    /// Recent throughput.
    pub throughput: Throughput,
    /// Number of workers.
    pub workers: u32,
}

impl From<QueueMetrics> for QueueView {
    fn from(QueueMetrics { queue, workers }: QueueMetrics) -> Self {
        let StoredQueue {
            name,
            is_paused,
            counts,
            throughput,
        } = queue;
        Self {
            name,
            is_paused,
            counts,
            throughput,
            workers,
        }
    }
}

/// Number of jobs deleted by clearing a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Pending jobs.
    pub pending: u64,
    /// Failed jobs.
    pub failed: u64,
}

/// Use cases of queues.
#[derive(Clone)]
pub struct Queues {
    pub(super) repository: Arc<dyn JobRepository>,
    pub(super) runtime: RuntimeHandle,
    audit: AuditWriter,
    pub(super) configured: Arc<[QueueSettings]>,
    pub(super) workers_by_default: NonZeroU32,
    limits: Arc<JobLimits>,
}

impl Queues {
    /// Use cases over this storage and this runtime.
    // For benchmarks; programs have those of their server.
    #[doc(hidden)]
    pub fn new(
        repository: Arc<dyn JobRepository>,
        runtime: RuntimeHandle,
        configured: Arc<[QueueSettings]>,
        workers_by_default: NonZeroU32,
        limits: Arc<JobLimits>,
    ) -> Self {
        Self {
            repository,
            audit: AuditWriter::new(runtime.clone(), false),
            runtime,
            configured,
            workers_by_default,
            limits,
        }
    }

    /// Enables or disables the audit log.
    #[must_use]
    pub(crate) fn audited(self, is_kept: bool) -> Self {
        Self {
            audit: AuditWriter::new(self.runtime.clone(), is_kept),
            ..self
        }
    }

    /// All queues, sorted by name: the configured ones and those that jobs use.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<QueueView>, ServiceError> {
        caller.require(Scope::Read)?;
        self.read_all().await
    }

    /// One queue.
    pub async fn get(&self, caller: &Caller, name: &QueueName) -> Result<QueueView, ServiceError> {
        caller.require(Scope::Read)?;
        self.read(name).await
    }

    pub(super) async fn read_all(&self) -> Result<Vec<QueueView>, ServiceError> {
        let stored = self.repository.queues(self.runtime.clock.now()).await?;
        let mut views: BTreeMap<QueueName, QueueView> = BTreeMap::new();
        for settings in self.configured.iter() {
            let empty = StoredQueue {
                name: settings.name.clone(),
                is_paused: false,
                counts: StatusCounts::default(),
                throughput: Throughput::default(),
            };
            views.insert(settings.name.clone(), self.view(empty));
        }
        for queue in stored {
            views.insert(queue.name.clone(), self.view(queue));
        }
        Ok(views.into_values().collect())
    }

    async fn read(&self, name: &QueueName) -> Result<QueueView, ServiceError> {
        let views = self.read_all().await?;
        views
            .into_iter()
            .find(|view| view.name == *name)
            .ok_or_else(|| ServiceError::NoSuchQueue { name: name.to_string() })
    }

    /// Makes a queue start no more jobs; running jobs continue. Idempotent.
    pub async fn pause(&self, caller: &Caller, name: &QueueName) -> Result<QueueView, ServiceError> {
        self.switch(caller, name, true).await
    }

    /// Makes a queue start jobs again. Idempotent.
    pub async fn resume(&self, caller: &Caller, name: &QueueName) -> Result<QueueView, ServiceError> {
        self.switch(caller, name, false).await
    }

    async fn switch(&self, caller: &Caller, name: &QueueName, is_paused: bool) -> Result<QueueView, ServiceError> {
        caller.require(Scope::Write)?;
        let before = self.read(name).await?;
        let change = Change::Queue(QueueChange::Set {
            queue: name.clone(),
            is_paused: Some(is_paused),
        });
        let action = if is_paused {
            AuditedAction::PAUSE
        } else {
            AuditedAction::RESUME
        };
        let entry = self.audit.entry(caller, action);
        let entry = entry.map(|entry| audit_writer::of_queue(entry, name));
        let applied = self.audit.write(change, entry).await??;
        let Applied::QueueSet { changed: _ } = applied else {
            return Err(ServiceError::unexpected(&applied));
        };
        // The change took effect, even if storage can't be read now.
        Ok(self.read(name).await.unwrap_or(QueueView { is_paused, ..before }))
    }

    /// Deletes the pending jobs of a queue, the failed ones, or both: those that exist at the start. Returns the queue
    /// afterwards.
    pub async fn clear(
        &self,
        caller: &Caller,
        name: &QueueName,
        clear_pending: bool,
        clear_failed: bool,
    ) -> Result<(Cleared, QueueView), ServiceError> {
        caller.require(Scope::Write)?;
        let mut before = self.read(name).await?;
        // One record for all steps, which update it under its id.
        let entry = self
            .audit
            .entry(caller, AuditedAction::CLEAR)
            .map(|entry| audit_writer::of_queue(entry, name));
        let up_to = JobId::last_at(self.runtime.clock.now());
        let mut cleared = Cleared::default();
        if clear_pending {
            cleared.pending = self.remove(name, JobStatus::Pending, up_to, entry.as_ref()).await?;
            let end = Instant::now() + CLAIM_WAIT;
            while Instant::now() < end
                && let Some(left) = self.oldest_pending(name, up_to).await?
            {
                if left.claimed_by.is_some() {
                    sleep(CLAIM_POLL).await;
                } else {
                    cleared.pending += self.remove(name, JobStatus::Pending, up_to, entry.as_ref()).await?;
                }
            }
        }
        if clear_failed {
            cleared.failed = self.remove(name, JobStatus::Failed, up_to, entry.as_ref()).await?;
        }
        before.counts.pending = before.counts.pending.saturating_sub(cleared.pending);
        before.counts.failed = before.counts.failed.saturating_sub(cleared.failed);
        Ok((cleared, self.read(name).await.unwrap_or(before)))
    }

    /// The oldest pending job up to this id.
    async fn oldest_pending(&self, name: &QueueName, up_to: JobId) -> Result<Option<Arc<Job>>, ServiceError> {
        let filter = JobFilter::default()
            .with_statuses(&[JobStatus::Pending])
            .with_queue(name);
        let first = Page {
            limit: 1,
            offset: 0,
            after: None,
            order: Order::OldestFirst,
        };
        let oldest = self.repository.jobs(&filter, first).await?;
        let Some(oldest) = oldest.first().filter(|oldest| oldest.id <= up_to) else {
            return Ok(None);
        };
        Ok(self.repository.jobs_in_brief(&[oldest.id]).await?.pop())
    }

    async fn remove(
        &self,
        name: &QueueName,
        status: JobStatus,
        up_to: JobId,
        entry: Option<&AuditRecord>,
    ) -> Result<u64, ServiceError> {
        let mut removed = 0;
        loop {
            let change = Change::Queue(QueueChange::Clear {
                queue: name.clone(),
                status,
                up_to,
                limit: CLEAR_STEP,
            });
            let applied = self.audit.write(change, entry.cloned()).await??;
            let Applied::Removed(count) = applied else {
                return Err(ServiceError::unexpected(&applied));
            };
            removed += count;
            if count < u64::from(CLEAR_STEP) {
                return Ok(removed);
            }
        }
    }

    /// Deletes a queue that is not configured and has no unfinished jobs. Its finished jobs remain.
    pub async fn delete(&self, caller: &Caller, name: &QueueName) -> Result<(), ServiceError> {
        caller.require(Scope::Write)?;
        if self.limits.queues.contains(name) || self.configured.iter().any(|settings| settings.name == *name) {
            return Err(ServiceError::ConfiguredQueue { name: name.to_string() });
        }
        let in_use = |view: QueueView| ServiceError::QueueInUse {
            name: name.to_string(),
            unfinished: view.counts.pending + view.counts.running,
        };
        let view = self.read(name).await?;
        if view.counts.pending + view.counts.running > 0 {
            return Err(in_use(view));
        }
        let entry = self.audit.entry(caller, AuditedAction::DELETE_QUEUE);
        let entry = entry.map(|entry| audit_writer::of_queue(entry, name));
        let applied = self
            .audit
            .write(Change::Queue(QueueChange::Delete { queue: name.clone() }), entry)
            .await??;
        let Applied::QueuesRemoved(removed) = applied else {
            return Err(ServiceError::unexpected(&applied));
        };
        if removed.is_empty() {
            // A job was created meanwhile, or another request deleted the queue.
            return Err(in_use(self.read(name).await?));
        }
        Ok(())
    }

    /// The settings of a configured queue.
    pub(super) fn settings(&self, name: &QueueName) -> Option<&QueueSettings> {
        self.configured.iter().find(|settings| settings.name == *name)
    }

    fn view(&self, queue: StoredQueue) -> QueueView {
        let StoredQueue {
            name,
            is_paused,
            counts,
            throughput,
        } = queue;
        let settings = self.settings(&name);
        let workers = settings
            .map_or(self.workers_by_default, |settings| settings.workers)
            .get();
        QueueView {
            name,
            is_paused,
            counts,
            throughput,
            workers,
        }
    }
}
