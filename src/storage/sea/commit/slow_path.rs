//! The slow path of a commit: a call per kind of change, in phases.

use super::context::{Commit, Results};
use crate::storage::change::{Applied, Change};
use crate::storage::sea::error::CommitFailure;

impl Commit<'_> {
    pub(super) async fn apply(&mut self, changes: &[Change]) -> Result<Results, CommitFailure> {
        let mut results: Results = changes.iter().map(|_| None).collect();
        self.insert_jobs(changes, &mut results).await?;
        self.start_jobs(changes, &mut results).await?;
        self.finish_jobs(changes, &mut results).await?;
        self.apply_others(changes, &mut results).await?;
        Ok(results)
    }

    /// Applies what is no new job, start or end of an attempt, and writes what was counted on the way.
    pub(super) async fn apply_others(
        &mut self,
        changes: &[Change],
        results: &mut Results,
    ) -> Result<(), CommitFailure> {
        self.advance_endpoint_version(changes).await?;
        self.note_outcomes(changes).await?;
        for (change, result) in changes.iter().zip(results.iter_mut()) {
            let applied = match change {
                Change::Update { before, after } => self.update_job(before, after).await?,
                Change::Delete { job } => self.delete_job(job).await?,
                Change::SetQueue { queue, is_paused } => self.set_queue(queue, *is_paused).await?,
                Change::Heartbeat {
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
                Change::InsertRecurring { recurring, idempotency } => {
                    self.insert_recurring(recurring, idempotency.as_ref()).await?
                }
                Change::UpdateRecurring { before, after } => self.update_recurring(before, after).await?,
                Change::DeleteRecurring { recurring } => self.delete_recurring(recurring).await?,
                Change::Lead { node, lease } => self.lead(*node, *lease).await?,
                Change::Leave { node } => self.leave(*node).await?,
                Change::SetDraining { node, is_draining } => self.set_draining(*node, *is_draining).await?,
                Change::PutEndpoint { before, after } => self.put_endpoint(before.as_deref(), after).await?,
                Change::DeleteEndpoint { endpoint } => self.delete_endpoint(endpoint).await?,
                Change::HoldEndpoints(hold) => self.hold_endpoints(*hold).await?,
                Change::ReviewEndpoints(review) => self.review_endpoints(review).await?,
                Change::Attempts(attempts) => self.note_attempts(attempts).await?,
                Change::Redeliver { which, now } => self.redeliver(*which, *now).await?,
                Change::SetBackDeliveries { now, step, limit } => self.set_back_deliveries(*now, *step, *limit).await?,
                Change::HoldReader { reader, node } => self.hold_reader(reader, *node).await?,
                Change::MoveReader { reader, node, to } => self.move_reader(reader, *node, *to).await?,
                Change::Post(postings) => Ok(Applied::Announced(self.post(postings).await?)),
                Change::RegisterWorker {
                    worker,
                    declaration,
                    access,
                    registered_at,
                    lease,
                } => {
                    self.register_worker(*worker, declaration, access, *registered_at, *lease)
                        .await?
                }
                Change::RenewWorker { worker, lease } => self.renew_worker(*worker, *lease).await?,
                Change::Report { job: _, report } => self.note_report(report).await?,
                // Applied before, or below.
                Change::Insert { .. }
                | Change::Start { .. }
                | Change::Finish { .. }
                | Change::Claim(_)
                | Change::Clear { .. }
                | Change::Prune { .. }
                | Change::PruneBookkeeping { .. }
                | Change::AgeSums { .. }
                | Change::DeleteQueue { .. }
                | Change::PruneQueues
                | Change::Trigger { .. }
                | Change::Fire(_)
                | Change::Audit(_)
                | Change::PruneAudit { .. }
                | Change::Announce(_)
                | Change::PruneDeliveries { .. }
                | Change::PruneFeed { .. } => continue,
            };
            *result = Some(applied);
        }
        self.fire_all(changes, results).await?;
        self.trigger_all(changes, results).await?;
        for (change, result) in changes.iter().zip(results.iter_mut()) {
            let applied = match change {
                Change::Claim(claim) => self.claim_jobs(claim).await?,
                Change::Clear {
                    queue,
                    status,
                    up_to,
                    limit,
                } => Ok(Applied::Removed(
                    self.clear_queue(queue, *status, *up_to, *limit).await?,
                )),
                Change::Prune {
                    status,
                    finished_before,
                    limit,
                } => Ok(Applied::Removed(
                    self.prune_jobs(*status, *finished_before, *limit).await?,
                )),
                Change::PruneBookkeeping {
                    keys_before,
                    throughput_before,
                    limit,
                } => Ok(Applied::Removed(
                    self.prune_bookkeeping(*keys_before, *throughput_before, *limit).await?,
                )),
                Change::AgeSums {
                    by_days_before,
                    rollups_before,
                } => Ok(Applied::Removed(
                    self.age_sums(*by_days_before, *rollups_before).await?.into(),
                )),
                Change::PruneAudit { before, limit } => Ok(Applied::Removed(self.prune_audit(*before, *limit).await?)),
                Change::PruneDeliveries { before, limit } => {
                    Ok(Applied::Removed(self.prune_deliveries(*before, *limit).await?))
                }
                Change::PruneFeed { before, limit } => Ok(Applied::Removed(self.prune_feed(*before, *limit).await?)),
                Change::Insert { .. }
                | Change::Start { .. }
                | Change::Finish { .. }
                | Change::Update { .. }
                | Change::Delete { .. }
                | Change::SetQueue { .. }
                | Change::DeleteQueue { .. }
                | Change::PruneQueues
                | Change::Trigger { .. }
                | Change::Audit(_)
                | Change::InsertRecurring { .. }
                | Change::UpdateRecurring { .. }
                | Change::DeleteRecurring { .. }
                | Change::Fire(_)
                | Change::Heartbeat { .. }
                | Change::Lead { .. }
                | Change::Announce(_)
                | Change::Post(_)
                | Change::PutEndpoint { .. }
                | Change::DeleteEndpoint { .. }
                | Change::HoldEndpoints(_)
                | Change::ReviewEndpoints(_)
                | Change::Attempts(_)
                | Change::Redeliver { .. }
                | Change::SetBackDeliveries { .. }
                | Change::HoldReader { .. }
                | Change::MoveReader { .. }
                | Change::RegisterWorker { .. }
                | Change::RenewWorker { .. }
                | Change::Report { .. }
                | Change::SetDraining { .. }
                | Change::Leave { .. } => continue,
            };
            *result = Some(applied);
        }
        self.name_queues(changes, results).await?;
        self.write_counters().await?;
        self.remove_queues(changes, results).await?;
        self.write_audit(changes, results).await?;
        self.announce(changes, results).await
    }
}
