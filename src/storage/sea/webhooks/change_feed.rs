//! The feed of changed jobs and its readers.
//!
//! SQLite has one writer: changes are numbered as they are committed. On PostgreSQL a transaction that has drawn a
//! number may be committed after one with a greater number. There the transaction's own number comes first in the
//! order, and a reader sees only transactions older than every running one, and later ones follow. Another transaction
//! of the same server process group that stays open therefore holds the feed up, and loses nothing.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::domain::job::Job;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::storage::change::{Applied, ChangeError};
use crate::storage::query::FeedPage;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::commit::outbox::uuid_at;
use crate::storage::sea::error::{CommitFailure, unavailable};
use crate::storage::sea::mapping::micros;
use crate::storage::sea::repository::SeaRepository;

/// Name of the row of `sync_cursors` with the end of the removed part of the feed. No consumer has this name.
const REMOVED: &str = "";

/// The oldest transaction that still runs.
const HORIZON: &str = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint";

/// How the jobs of the feed are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedJobs {
    /// With all that is known of them.
    Whole,
    /// Without their large texts.
    InBrief,
}

impl CommitContext<'_> {
    pub(crate) async fn hold_reader(
        &mut self,
        reader: &str,
        node: NodeId,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        if !self.repository.holds_lease(node, &self.transaction).await? {
            return Ok(Err(ChangeError::NoLease));
        }
        let sql = format!(
            "INSERT INTO sync_cursors (name, transaction_id, seq, holder) SELECT $1, 0, 0, $2 WHERE true \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder WHERE sync_cursors.holder IS NULL \
             OR sync_cursors.holder = excluded.holder OR sync_cursors.holder NOT IN \
             (SELECT id FROM nodes WHERE {}) RETURNING transaction_id, seq",
            self.repository.live_sql()
        );
        let values = [reader.into(), node.as_uuid().into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let row = self.transaction.query_one_raw(statement).await?;
        let cursor = row.map(|row| cursor(&row)).transpose()?;
        Ok(Ok(Applied::HeldReader(cursor)))
    }

    pub(crate) async fn move_reader(
        &mut self,
        reader: &str,
        node: NodeId,
        to: FeedCursor,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let sql = "UPDATE sync_cursors SET transaction_id = $1, seq = $2 WHERE name = $3 AND holder = $4";
        let FeedCursor { transaction, number } = to;
        let values = vec![transaction.into(), number.into(), reader.into(), node.as_uuid().into()];
        Ok(if self.execute(sql, values).await? == 0 {
            Err(ChangeError::Conflict)
        } else {
            Ok(Applied::Updated)
        })
    }

    pub(crate) async fn prune_feed(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64, CommitFailure> {
        // Entries are in the order of time: only the first ones are scanned.
        let sql = "DELETE FROM job_changes WHERE (transaction_id, seq) IN (SELECT transaction_id, seq FROM \
                   (SELECT transaction_id, seq, at FROM job_changes ORDER BY transaction_id, seq LIMIT $2) AS first \
                   WHERE at < $1) RETURNING transaction_id, seq";
        // Where one transaction writes, the key is the number alone.
        let sql = if self.repository.is_postgres() {
            sql
        } else {
            "DELETE FROM job_changes WHERE seq IN (SELECT seq FROM \
             (SELECT seq, at FROM job_changes ORDER BY seq LIMIT $2) AS first WHERE at < $1) RETURNING transaction_id, seq"
        };
        let values = [micros(before).into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.transaction.query_all_raw(statement).await?;
        let cursors: Vec<FeedCursor> = rows.iter().map(cursor).collect::<Result<_, DbErr>>()?;
        if let Some(FeedCursor { transaction, number }) = cursors.iter().max() {
            let sql = "INSERT INTO sync_cursors (name, transaction_id, seq) SELECT $1, $2, $3 WHERE true \
                       ON CONFLICT (name) DO UPDATE SET transaction_id = excluded.transaction_id, seq = excluded.seq";
            self.execute(sql, vec![REMOVED.into(), (*transaction).into(), (*number).into()])
                .await?;
        }
        Ok(u64::try_from(cursors.len()).unwrap_or(u64::MAX))
    }
}

impl SeaRepository {
    pub(crate) async fn read_feed(
        &self,
        after: FeedCursor,
        limit: u32,
        jobs: FeedJobs,
    ) -> Result<FeedPage, RepositoryError> {
        let failed = |error: DbErr| unavailable(&error);
        let removed = self.feed_cursor(
            "SELECT transaction_id, seq FROM sync_cursors WHERE name = $1",
            vec![REMOVED.into()],
        );
        let removed = removed.await?.unwrap_or_default();
        // A database that was copied to another server restarts its transaction ids.
        let is_foreign = after.transaction > self.feed_horizon().await?;
        let has_gap = is_foreign || (after != FeedCursor::START && after < removed);
        let FeedCursor { transaction, number } = if is_foreign { FeedCursor::START } else { after };
        let one_more: Value = (i64::from(limit) + 1).into();
        let (sql, values) = if self.is_postgres() {
            let sql = format!(
                "SELECT transaction_id, seq, job_id FROM job_changes WHERE (transaction_id, seq) > ($1, $2) \
                 AND transaction_id < {HORIZON} ORDER BY transaction_id, seq LIMIT $3"
            );
            (sql, vec![transaction.into(), number.into(), one_more])
        } else {
            let sql = "SELECT transaction_id, seq, job_id FROM job_changes WHERE seq > $1 ORDER BY seq LIMIT $2";
            (sql.to_owned(), vec![number.into(), one_more])
        };
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let mut rows = self.readers().query_all_raw(statement).await.map_err(failed)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let mut cursor_now = if is_foreign { FeedCursor::START } else { after };
        let mut ids: Vec<JobId> = Vec::with_capacity(rows.len());
        for row in &rows {
            cursor_now = cursor(row).map_err(failed)?;
            ids.push(JobId::from_uuid(uuid_at(row, 2).map_err(failed)?));
        }
        let ids = last_of_each(ids);
        // Read afterwards: a job is as it was at its change, or later.
        let read = match jobs {
            FeedJobs::Whole => self.read_jobs_by_id(&ids).await?,
            FeedJobs::InBrief => self.read_jobs_in_brief(&ids).await?,
        };
        let by_id: HashMap<JobId, Arc<Job>> = read.into_iter().map(|job| (job.id, job)).collect();
        Ok(FeedPage {
            jobs: ids.into_iter().map(|id| (id, by_id.get(&id).cloned())).collect(),
            cursor: cursor_now,
            has_more,
            has_gap,
        })
    }

    pub(crate) async fn read_feed_end(&self) -> Result<FeedCursor, RepositoryError> {
        if self.is_postgres() {
            return Ok(FeedCursor {
                transaction: self.feed_horizon().await?.saturating_sub(1),
                number: i64::MAX,
            });
        }
        let sql = "SELECT 0, seq FROM sqlite_sequence WHERE name = 'job_changes'";
        Ok(self.feed_cursor(sql, Vec::new()).await?.unwrap_or_default())
    }

    async fn feed_horizon(&self) -> Result<i64, RepositoryError> {
        if !self.is_postgres() {
            return Ok(0);
        }
        let sql = format!("SELECT {HORIZON}, 0::bigint");
        let horizon = self.feed_cursor(&sql, Vec::new()).await?;
        Ok(horizon.unwrap_or_default().transaction)
    }

    async fn feed_cursor(&self, sql: &str, values: Vec<Value>) -> Result<Option<FeedCursor>, RepositoryError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let row = self.readers().query_one_raw(statement).await;
        let row = row.map_err(|error| unavailable(&error))?;
        row.map(|row| cursor(&row).map_err(|error| unavailable(&error)))
            .transpose()
    }
}

fn cursor(row: &QueryResult) -> Result<FeedCursor, DbErr> {
    Ok(FeedCursor {
        transaction: row.try_get_by_index(0)?,
        number: row.try_get_by_index(1)?,
    })
}

/// Each id once, where it comes last.
fn last_of_each(ids: Vec<JobId>) -> Vec<JobId> {
    let last: HashMap<Uuid, usize> = ids
        .iter()
        .enumerate()
        .map(|(index, id)| (id.as_uuid(), index))
        .collect();
    let indexed = ids.into_iter().enumerate();
    indexed
        .filter(|(index, id)| last.get(&id.as_uuid()) == Some(index))
        .map(|(_, id)| id)
        .collect()
}
