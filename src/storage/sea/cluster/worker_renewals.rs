//! Renewals of the leases of remote workers.

use std::collections::{HashMap, HashSet};

use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use crate::domain::values::id::NodeId;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError, WorkerChange};
use crate::storage::commit::ChangeResult;
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::mapping::time;

/// A worker, and the duration of its lease.
const RENEWED: &[Kind] = &[Kind::Uuid, Kind::Big];

/// The number of changes at the start that are renewals of different workers, which one statement can make.
pub(crate) fn renewals(changes: &[Change]) -> usize {
    let mut seen = HashSet::new();
    changes
        .iter()
        .take_while(|change| renewal(change).is_some_and(|(worker, _)| seen.insert(worker)))
        .count()
}

fn renewal(change: &Change) -> Option<(NodeId, TimeSpan)> {
    let Change::Worker(WorkerChange::Renew { worker, lease }) = change else {
        return None;
    };
    Some((*worker, *lease))
}

impl CommitContext<'_> {
    pub(crate) async fn renew_worker(
        &mut self,
        worker: NodeId,
        lease: TimeSpan,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let now = self.now_sql();
        // One that has left (its lease ends in 1970) is unknown.
        let sql = format!(
            "UPDATE nodes SET heartbeat_at = {now}, lease_until = {now} + $2 \
             WHERE id = $1 AND worker IS NOT NULL AND lease_until > 0 RETURNING lease_until"
        );
        let values = [worker.as_uuid().into(), lease.as_micros().into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let until = match self.transaction.query_one_raw(statement).await? {
            Some(row) => Some(time(row.try_get_by_index(0)?)?),
            None => None,
        };
        Ok(Ok(Applied::Renewed(until)))
    }

    /// Makes the changes that [`renewals`] has counted.
    pub(crate) async fn renew_many(&mut self, changes: &[Change]) -> Result<Vec<Option<ChangeResult>>, CommitFailure> {
        let mut renewed: Vec<(NodeId, TimeSpan)> = changes.iter().filter_map(renewal).collect();
        // In the order of their keys: nodes that renew the same workers wait for each other without a deadlock.
        renewed.sort_unstable_by_key(|(worker, _)| *worker);
        let mut rows = Rows::new(RENEWED, renewed.len());
        for (worker, lease) in renewed {
            rows.push([worker.as_uuid().into(), lease.as_micros().into()]);
        }
        let now = self.now_sql();
        let sql = |source: &str| {
            format!(
                "UPDATE nodes SET heartbeat_at = {now}, lease_until = {now} + v.c2 FROM {source} AS v \
                 WHERE nodes.id = v.c1 AND nodes.worker IS NOT NULL AND nodes.lease_until > 0 \
                 RETURNING id, lease_until"
            )
        };
        let mut until = HashMap::new();
        for row in rows.query(&self.transaction, sql).await? {
            let id: Uuid = row.try_get_by_index(0)?;
            until.insert(NodeId::from_uuid(id), time(row.try_get_by_index(1)?)?);
        }
        let result = |change: &Change| {
            let (worker, _) = renewal(change)?;
            Some(Ok(Applied::Renewed(until.get(&worker).copied())))
        };
        Ok(changes.iter().map(result).collect())
    }
}
