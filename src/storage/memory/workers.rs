//! Remote workers, and what attempts report.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::tables::{Node, Tables};
use crate::domain::cluster::remote_worker::{AttemptReport, LOG_LINES_KEPT, WorkerDeclaration};
use crate::domain::cluster::worker_access::WorkerAccess;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::NodeId;
use crate::storage::change::Applied;
use crate::storage::query::StoredWorker;

impl Tables {
    pub(super) fn register(
        &mut self,
        id: NodeId,
        (declaration, access): (Arc<WorkerDeclaration>, Arc<WorkerAccess>),
        started_at: DateTime<Utc>,
        lease_until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Applied {
        let worker = Node {
            name: Arc::clone(&declaration.name),
            started_at,
            heartbeat_at: now,
            lease_until,
            worker: Some(declaration),
            access: Some(access),
            job_types: Arc::default(),
            remote_types: Arc::default(),
            is_draining: false,
        };
        self.nodes.insert(id, worker);
        Applied::Registered
    }

    pub(super) fn renew(&mut self, id: NodeId, lease_until: DateTime<Utc>, now: DateTime<Utc>) -> Applied {
        let known = self.nodes.get_mut(&id);
        // One that has left (its lease ends in 1970) is unknown.
        let known = known.filter(|node| node.worker.is_some() && node.lease_until > DateTime::UNIX_EPOCH);
        Applied::Renewed(known.map(|worker| {
            worker.heartbeat_at = now;
            worker.lease_until = lease_until;
            lease_until
        }))
    }

    pub(super) fn report(&mut self, report: &AttemptReport) -> Applied {
        let AttemptReport {
            job_id,
            attempt,
            at: _,
            progress,
            log,
        } = report;
        let runs = |job: &Arc<_>| {
            let job: &crate::domain::job::Job = job;
            job.held_attempt() == Some((*job_id, *attempt))
        };
        if !self.job(*job_id).is_some_and(runs) {
            return Applied::Reported(false);
        }
        let reports = self.reports.entry(*job_id).or_default();
        if let Some(progress) = progress {
            reports.progress = Some((*attempt, progress.clone()));
        }
        reports.log.extend(log.iter().cloned());
        let surplus = reports.log.len().saturating_sub(LOG_LINES_KEPT);
        reports.log.drain(..surplus);
        Applied::Reported(true)
    }

    /// Removes up to `limit` workers that are no longer listed, except for the last ones.
    pub(super) fn prune_workers(&mut self, now: DateTime<Utc>, kept: u32, limit: u32) -> usize {
        let is_unlisted = |node: &Node| node.worker.is_some() && node.lease_until < now - TimeDelta::hours(1);
        let gone = self.nodes.iter().filter(|(_, node)| is_unlisted(node));
        let mut gone: Vec<(DateTime<Utc>, NodeId)> = gone.map(|(id, node)| (node.heartbeat_at, *id)).collect();
        gone.sort_unstable();
        let surplus = gone.len().saturating_sub(usize::try_from(kept).unwrap_or(usize::MAX));
        gone.truncate(surplus.min(usize::try_from(limit).unwrap_or(usize::MAX)));
        for (_, id) in &gone {
            self.nodes.remove(id);
        }
        gone.len()
    }

    /// All remote workers by the time of their coming.
    pub(super) fn stored_workers(&self, now: DateTime<Utc>) -> Vec<StoredWorker> {
        let running_on = |id| {
            self.jobs()
                .filter(move |job| job.status == JobStatus::Running && job.node == Some(id))
                .count()
        };
        let mut workers: Vec<StoredWorker> = self
            .nodes
            .iter()
            .filter_map(|(id, node)| {
                Some(StoredWorker {
                    id: *id,
                    declaration: WorkerDeclaration::clone(node.worker.as_ref()?),
                    access: node.access.as_deref().cloned(),
                    registered_at: node.started_at,
                    heartbeat_at: node.heartbeat_at,
                    lease_until: node.lease_until,
                    is_live: node.lease_until >= now,
                    running_jobs: u64::try_from(running_on(*id)).unwrap_or(u64::MAX),
                })
            })
            .collect();
        workers.sort_by_key(|worker| (worker.registered_at, worker.id));
        workers
    }
}
