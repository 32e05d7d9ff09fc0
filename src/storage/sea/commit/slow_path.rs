//! The slow path of a commit: a call per kind of change, in phases.

use super::context::{CommitContext, Results, all_applied};
use crate::storage::change::{
    Applied, Change, ClusterChange, FeedChange, JobChange, MaintenanceChange, QueueChange, RecurringChange,
    WebhookChange, WorkerChange,
};
use crate::storage::commit::{ChangeResult, Commit, Committed};
use crate::storage::sea::cluster::worker_renewals::renewals;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::jobs::update::one_statement;

/// The result of a change; `None` in a phase that is not the change's own.
type Phase = Result<Option<ChangeResult>, CommitFailure>;

impl CommitContext<'_> {
    pub(super) async fn apply(&mut self, commit: &Commit) -> Result<Committed, CommitFailure> {
        let changes = &*commit.changes;
        let mut results: Results = changes.iter().map(|_| None).collect();
        self.insert_jobs(changes, &mut results).await?;
        self.start_jobs(changes, &mut results).await?;
        self.finish_jobs(changes, &mut results).await?;
        self.apply_others(commit, results, false).await
    }

    /// Applies changes other than new jobs, starts and ends of attempts, and writes counters, audit records and outbox
    /// entries.
    pub(super) async fn apply_others(
        &mut self,
        commit: &Commit,
        mut results: Results,
        is_after_fast_path: bool,
    ) -> Result<Committed, CommitFailure> {
        let changes = &*commit.changes;
        self.advance_endpoint_version(changes).await?;
        self.record_outcomes(changes).await?;
        let mut next = 0;
        while let Some(change) = changes.get(next) {
            let (many, renewed) = (one_statement(&changes[next..]), renewals(&changes[next..]));
            if many > 1 || renewed > 1 {
                let many = many.max(renewed);
                let changes = &changes[next..next + many];
                let applied = if renewed > 1 {
                    self.renew_many(changes).await?
                } else {
                    self.change_many(changes).await?
                };
                for (result, applied) in results[next..].iter_mut().zip(applied) {
                    *result = applied;
                }
                next += many;
                continue;
            }
            let applied = self.apply_one(change).await?;
            if applied.is_some() {
                results[next] = applied;
            }
            next += 1;
        }
        self.fire_all(changes, &mut results).await?;
        self.trigger_all(changes, &mut results).await?;
        for (change, result) in changes.iter().zip(results.iter_mut()) {
            let applied = match change {
                Change::Job(JobChange::Claim(claim)) => Some(self.claim_jobs(claim).await?),
                Change::Queue(QueueChange::Clear {
                    queue,
                    status,
                    up_to,
                    limit,
                }) => {
                    let removed = self.clear_queue(queue, *status, *up_to, *limit).await?;
                    Some(Ok(Applied::Removed(removed)))
                }
                Change::Maintenance(change) => self.prune(change).await?,
                Change::Job(_)
                | Change::Queue(_)
                | Change::Recurring(_)
                | Change::Cluster(_)
                | Change::Worker(_)
                | Change::Webhook(_)
                | Change::Feed(_)
                | Change::Operation(_) => None,
            };
            if applied.is_some() {
                *result = applied;
            }
        }
        self.name_queues(changes, &results).await?;
        self.write_counters().await?;
        self.remove_queues(changes, &mut results).await?;
        let results = all_applied(results);
        self.write_audit(commit, &results, is_after_fast_path).await?;
        let outbox = self.write_outbox(commit, &results).await?;
        Ok(Committed { results, outbox })
    }

    async fn apply_one(&mut self, change: &Change) -> Phase {
        Ok(match change {
            Change::Job(change) => self.apply_to_job(change).await?,
            Change::Queue(QueueChange::Set { queue, is_paused }) => Some(self.set_queue(queue, *is_paused).await?),
            Change::Recurring(change) => self.apply_to_recurring(change).await?,
            Change::Cluster(change) => self.apply_to_node(change).await?,
            Change::Worker(change) => self.apply_to_worker(change).await?,
            Change::Webhook(change) => self.apply_to_webhook(change).await?,
            Change::Feed(change) => self.apply_to_reader(change).await?,
            Change::Operation(change) => Some(self.apply_to_operation(change).await?),
            // Applied later.
            Change::Queue(QueueChange::Clear { .. } | QueueChange::Delete { .. }) | Change::Maintenance(_) => None,
        })
    }

    pub(crate) async fn apply_to_job(&mut self, change: &JobChange) -> Phase {
        Ok(Some(match change {
            JobChange::Update { before, after } => self.update_job(before, after).await?,
            JobChange::Delete { job } => self.delete_job(job).await?,
            JobChange::Release { jobs, now } => self.release_jobs(jobs, *now).await?,
            JobChange::Report { job: _, report } => self.record_report(report).await?,
            JobChange::Insert { .. } | JobChange::Start { .. } | JobChange::Finish { .. } | JobChange::Claim(_) => {
                return Ok(None);
            }
        }))
    }

    async fn apply_to_recurring(&mut self, change: &RecurringChange) -> Phase {
        Ok(Some(match change {
            RecurringChange::Insert { recurring, idempotency } => {
                self.insert_recurring(recurring, idempotency.as_ref()).await?
            }
            RecurringChange::Update { before, after } => self.update_recurring(before, after).await?,
            RecurringChange::Delete { recurring } => self.delete_recurring(recurring).await?,
            RecurringChange::Fire(_) | RecurringChange::Trigger { .. } => return Ok(None),
        }))
    }

    async fn apply_to_node(&mut self, change: &ClusterChange) -> Phase {
        Ok(Some(match change {
            ClusterChange::Heartbeat {
                node,
                name,
                started_at,
                lease,
                job_types,
                remote_types,
            } => {
                let types = (&**job_types, &**remote_types);
                self.heartbeat(*node, name, *started_at, *lease, types).await?
            }
            ClusterChange::Lead { node, lease } => self.lead(*node, *lease).await?,
            ClusterChange::Leave { node } => self.leave(*node).await?,
            ClusterChange::SetDraining { node, is_draining } => self.set_draining(*node, *is_draining).await?,
            ClusterChange::SetLogLevel { node: _ } => Ok(Applied::LogLevelSet),
        }))
    }

    async fn apply_to_worker(&mut self, change: &WorkerChange) -> Phase {
        Ok(Some(match change {
            WorkerChange::Register {
                worker,
                declaration,
                access,
                registered_at,
                lease,
            } => {
                self.register_worker(*worker, declaration, access, *registered_at, *lease)
                    .await?
            }
            WorkerChange::Renew { worker, lease } => self.renew_worker(*worker, *lease).await?,
        }))
    }

    async fn apply_to_webhook(&mut self, change: &WebhookChange) -> Phase {
        Ok(Some(match change {
            WebhookChange::Put { before, after } => self.put_endpoint(before.as_deref(), after).await?,
            WebhookChange::Delete { endpoint } => self.delete_endpoint(endpoint).await?,
            WebhookChange::Hold(hold) => self.hold_endpoints(*hold).await?,
            WebhookChange::Review(review) => self.review_endpoints(review).await?,
            WebhookChange::Enqueue(messages) => Ok(Applied::Enqueued(self.enqueue(messages).await?)),
            WebhookChange::Attempts(attempts) => self.record_attempts(attempts).await?,
            WebhookChange::Redeliver { which, now } => self.redeliver(*which, *now).await?,
            WebhookChange::SetBack { now, step, limit } => self.set_back_deliveries(*now, *step, *limit).await?,
        }))
    }

    async fn apply_to_reader(&mut self, change: &FeedChange) -> Phase {
        Ok(Some(match change {
            FeedChange::Hold { reader, node } => self.hold_reader(reader, *node).await?,
            FeedChange::Move { reader, node, to } => self.move_reader(reader, *node, *to).await?,
        }))
    }

    async fn prune(&mut self, change: &MaintenanceChange) -> Phase {
        let removed = match change {
            MaintenanceChange::PruneJobs {
                status,
                finished_before,
                limit,
            } => self.prune_jobs(*status, *finished_before, *limit).await?,
            MaintenanceChange::PruneBookkeeping {
                keys_before,
                throughput_before,
                limit,
            } => self.prune_bookkeeping(*keys_before, *throughput_before, *limit).await?,
            MaintenanceChange::PruneWorkers { kept, limit } => self.prune_workers(*kept, *limit).await?,
            MaintenanceChange::CompactRollups {
                ended_before,
                by_days_before,
                rollups_before,
            } => {
                let is_changed = self.compact_rollups(*ended_before, *by_days_before, *rollups_before);
                is_changed.await?.into()
            }
            MaintenanceChange::FoldActivity {
                slices_before,
                minutes_before,
            } => self.fold_activity(*slices_before, *minutes_before).await?.into(),
            MaintenanceChange::PruneAudit { before, limit } => self.prune_audit(*before, *limit).await?,
            MaintenanceChange::PruneDeliveries { before, limit } => self.prune_deliveries(*before, *limit).await?,
            MaintenanceChange::PruneFeed { before, limit } => self.prune_feed(*before, *limit).await?,
            MaintenanceChange::PruneOperations {
                previews_before,
                undo_before,
                finished_before,
                limit,
            } => {
                self.prune_operations(*previews_before, *undo_before, *finished_before, *limit)
                    .await?
            }
            // Applied after the counters.
            MaintenanceChange::PruneQueues => return Ok(None),
        };
        Ok(Some(Ok(Applied::Removed(removed))))
    }
}
