//! Removes queues that are not used.

use sea_orm::{ConnectionTrait, Statement};

use crate::domain::values::name::QueueName;
use crate::storage::change::{Applied, Change, MaintenanceChange, QueueChange};
use crate::storage::sea::commit::context::{CommitContext, Results};
use crate::storage::sea::error::CommitFailure;

/// No unfinished job names the queue.
const NO_UNFINISHED: &str = "NOT EXISTS (SELECT 1 FROM job_counters AS c WHERE c.queue = queues.name AND c.status IN (0, 1) GROUP BY c.queue \
     HAVING SUM(c.count) > 0)";

/// Removes the queues that neither jobs nor recurring jobs name. A shard of a counter may be negative; the sum of all of a
/// status is the number of jobs.
const PRUNE: &str = "DELETE FROM queues WHERE is_paused = FALSE \
     AND NOT EXISTS (SELECT 1 FROM job_counters AS c WHERE c.queue = queues.name GROUP BY c.status HAVING SUM(c.count) > 0) \
     AND name NOT IN (SELECT queue FROM recurring_jobs WHERE queue IS NOT NULL) RETURNING name";

/// Another node may have stored a job while the row was removed: it gets the row again.
const RESTORE: &str = "INSERT INTO queues (name) SELECT queue FROM job_counters WHERE status IN (0, 1) GROUP BY queue \
     HAVING SUM(count) > 0 ON CONFLICT (name) DO NOTHING";

impl CommitContext<'_> {
    /// Applied after the counters are written, which show the use of queues.
    pub(crate) async fn remove_queues(
        &mut self,
        changes: &[Change],
        results: &mut Results,
    ) -> Result<(), CommitFailure> {
        for (change, result) in changes.iter().zip(results) {
            let removed = if let Change::Queue(QueueChange::Delete { queue }) = change {
                let sql = format!("DELETE FROM queues WHERE name = $1 AND {NO_UNFINISHED} RETURNING name");
                let values = [queue.as_str().into()];
                let statement = Statement::from_sql_and_values(self.backend(), sql, values);
                self.removed_names(statement).await?
            } else if matches!(change, Change::Maintenance(MaintenanceChange::PruneQueues)) {
                let removed = self
                    .removed_names(Statement::from_string(self.backend(), PRUNE))
                    .await?;
                self.transaction.execute_unprepared(RESTORE).await?;
                removed
            } else {
                continue;
            };
            self.removed.extend(removed.iter().cloned());
            *result = Some(Ok(Applied::QueuesRemoved(removed)));
        }
        Ok(())
    }

    async fn removed_names(&self, statement: Statement) -> Result<Vec<QueueName>, CommitFailure> {
        let rows = self.transaction.query_all_raw(statement).await?;
        let mut removed = Vec::with_capacity(rows.len());
        for row in rows {
            removed.push(QueueName::from_stored(row.try_get_by_index::<String>(0)?));
        }
        Ok(removed)
    }
}
