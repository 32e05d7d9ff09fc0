//! Size of a change within a commit, and the jobs that it concerns: the writer builds its batches by them.

use std::sync::Arc;

use super::limits::COMMIT_ROWS_MAX;
use crate::domain::job::Job;
use crate::domain::values::id::JobId;
use crate::storage::change::Change;
use crate::storage::outbox::Redelivery;

/// Bytes of a job's parameters that count as a row: a commit of long parameters has fewer jobs.
const ROW_BYTES: usize = 16 * 1024;

/// Size of a change: its rows, and more if they are long.
pub(crate) fn rows_of(change: &Change) -> usize {
    match change {
        Change::Insert { jobs, .. } => rows_of_new(jobs),
        Change::Start { jobs } => jobs.len(),
        Change::Fire(fire) => rows_of_new(&fire.occurrences) + 1,
        Change::Claim(claim) => usize::try_from(claim.limit).unwrap_or(COMMIT_ROWS_MAX),
        Change::Clear { limit, .. }
        | Change::Prune { limit, .. }
        | Change::PruneAudit { limit, .. }
        | Change::PruneDeliveries { limit, .. }
        | Change::PruneFeed { limit, .. }
        | Change::SetBackDeliveries { limit, .. }
        | Change::Redeliver {
            which: Redelivery::FailedSince { limit, .. },
            now: _,
        } => usize::try_from(*limit).unwrap_or(COMMIT_ROWS_MAX),
        Change::Attempts(attempts) => attempts.outcomes.len(),
        Change::Post(postings) => postings.iter().map(|posting| posting.endpoints.len()).sum(),
        Change::Finish { .. }
        | Change::Update { .. }
        | Change::Delete { .. }
        | Change::SetQueue { .. }
        | Change::DeleteQueue { .. }
        | Change::PruneQueues
        | Change::Trigger { .. }
        | Change::PruneBookkeeping { .. }
        | Change::AgeSums { .. }
        | Change::Audit(_)
        | Change::InsertRecurring { .. }
        | Change::UpdateRecurring { .. }
        | Change::DeleteRecurring { .. }
        | Change::Heartbeat { .. }
        | Change::Lead { .. }
        | Change::Announce(_)
        | Change::Redeliver {
            which: Redelivery::One(_),
            now: _,
        }
        | Change::PutEndpoint { .. }
        | Change::DeleteEndpoint { .. }
        | Change::HoldEndpoints(_)
        | Change::ReviewEndpoints(_)
        | Change::HoldReader { .. }
        | Change::MoveReader { .. }
        | Change::RegisterWorker { .. }
        | Change::RenewWorker { .. }
        | Change::Report { .. }
        | Change::SetDraining { .. }
        | Change::Leave { .. } => 1,
    }
}

fn rows_of_new(jobs: &[Arc<Job>]) -> usize {
    let rows = jobs.iter().map(|job| 1 + job.parameters.as_str().len() / ROW_BYTES);
    rows.sum()
}

/// The stored jobs that a change concerns. New jobs are not among them: no other change refers to them yet.
pub(crate) fn job_ids(change: &Change) -> impl Iterator<Item = JobId> {
    let (many, one): (&[Arc<Job>], Option<JobId>) = match change {
        Change::Start { jobs } => (jobs, None),
        Change::Finish { job, .. } | Change::Delete { job } => (&[], Some(job.id)),
        Change::Update { before, .. } => (&[], Some(before.id)),
        Change::Report { report, .. } => (&[], Some(report.job_id)),
        Change::Insert { .. }
        | Change::Claim(_)
        | Change::Clear { .. }
        | Change::SetQueue { .. }
        | Change::DeleteQueue { .. }
        | Change::PruneQueues
        | Change::Trigger { .. }
        | Change::Prune { .. }
        | Change::PruneBookkeeping { .. }
        | Change::AgeSums { .. }
        | Change::Audit(_)
        | Change::PruneAudit { .. }
        | Change::InsertRecurring { .. }
        | Change::UpdateRecurring { .. }
        | Change::DeleteRecurring { .. }
        | Change::Fire(_)
        | Change::Heartbeat { .. }
        | Change::Lead { .. }
        | Change::Announce(_)
        | Change::Post(_)
        | Change::Attempts(_)
        | Change::Redeliver { .. }
        | Change::SetBackDeliveries { .. }
        | Change::PruneDeliveries { .. }
        | Change::PruneFeed { .. }
        | Change::PutEndpoint { .. }
        | Change::DeleteEndpoint { .. }
        | Change::HoldEndpoints(_)
        | Change::ReviewEndpoints(_)
        | Change::HoldReader { .. }
        | Change::MoveReader { .. }
        | Change::RegisterWorker { .. }
        | Change::RenewWorker { .. }
        | Change::SetDraining { .. }
        | Change::Leave { .. } => (&[], None),
    };
    many.iter().map(|job| job.id).chain(one)
}
