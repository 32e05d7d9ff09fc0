//! Nodes and their leases, by the database's own clock.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement};

use crate::domain::cluster::leadership::FencingToken;
use crate::domain::values::id::NodeId;
use crate::domain::values::name::JobType;
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, ChangeError, DEAF_AFTER};
use crate::storage::query::StoredNode;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::{CommitFailure, unavailable};
use crate::storage::sea::mapping::{micros, time};
use crate::storage::sea::repository::SeaRepository;

/// The current time of PostgreSQL, in microseconds since 1970.
pub(crate) const NOW_POSTGRES: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)";
/// The same for SQLite, with a precision of milliseconds.
pub(crate) const NOW_SQLITE: &str = "CAST(unixepoch('subsec') * 1000000 AS integer)";
/// Condition of a row of `nodes` with a valid lease.
pub(crate) const LIVE_POSTGRES: &str = "lease_until >= CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)";
/// The same for SQLite, where the lock beside the file excludes other servers: a server's lease expires no more than
/// the lock does.
pub(crate) const LIVE_SQLITE: &str =
    "(worker IS NULL OR lease_until >= CAST(unixepoch('subsec') * 1000000 AS integer))";

/// The role of the node that creates occurrences of recurring jobs.
const SCHEDULER: &str = "scheduler";
/// Time for which a dead node or worker is listed.
pub(crate) const DEAD_SHOWN_MICROS: i64 = 3_600 * 1_000_000;
/// How far in the future a heartbeat may seem to be: clocks are corrected by a little all the time.
const FUTURE_MICROS: i64 = 1_000_000;
/// Retention of the names of removed workers; the Pruner bounds their number.
const WORKERS_KEPT_MICROS: i64 = 14 * 86_400 * 1_000_000;

impl SeaRepository {
    /// The database's current time, in microseconds since 1970.
    pub(crate) fn now_sql(&self) -> &'static str {
        if self.is_postgres() { NOW_POSTGRES } else { NOW_SQLITE }
    }

    /// Condition of a row of `nodes` with a valid lease.
    pub(crate) fn live_sql(&self) -> &'static str {
        if self.is_postgres() { LIVE_POSTGRES } else { LIVE_SQLITE }
    }

    /// `true` if a node has a valid lease, by the database's clock.
    pub(crate) async fn holds_lease(
        &self,
        node: NodeId,
        connection: &impl ConnectionTrait,
    ) -> Result<bool, CommitFailure> {
        let sql = format!("SELECT 1 FROM nodes WHERE id = $1 AND {}", self.live_sql());
        let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, [node.as_uuid().into()]);
        Ok(connection.query_one_raw(statement).await?.is_some())
    }

    /// The job types of a server; `None` if it does not declare them, or in a form that this version can't read.
    fn job_types(&self, stored: Option<String>) -> Option<Vec<JobType>> {
        match serde_json::from_str::<Vec<String>>(&stored?) {
            Ok(names) => Some(names.into_iter().map(JobType::from_stored).collect()),
            Err(error) => {
                self.unreadable.log(format!("job types of a node: {error}"));
                None
            }
        }
    }

    pub(crate) async fn read_nodes(&self) -> Result<Vec<StoredNode>, RepositoryError> {
        let (now, live) = (self.now_sql(), self.live_sql());
        let sql = format!(
            "SELECT id, name, started_at, heartbeat_at, lease_until, {live}, \
             EXISTS (SELECT 1 FROM leaders WHERE holder = nodes.id AND leaders.lease_until >= {now}), \
             (SELECT CAST(COUNT(*) AS bigint) FROM jobs WHERE status = 1 AND node = nodes.id), job_types, draining, \
             remote_types \
             FROM nodes WHERE worker IS NULL ORDER BY started_at, id"
        );
        let rows = self
            .readers()
            .query_all_raw(Statement::from_string(self.backend(), sql))
            .await
            .map_err(|error| unavailable(&error))?;
        rows.iter()
            .map(|row| {
                let read = |error| unavailable(&error);
                let running: i64 = row.try_get_by_index(7).map_err(read)?;
                Ok(StoredNode {
                    id: NodeId::from_uuid(row.try_get_by_index(0).map_err(read)?),
                    name: row.try_get_by_index(1).map_err(read)?,
                    started_at: time(row.try_get_by_index(2).map_err(read)?)?,
                    heartbeat_at: time(row.try_get_by_index(3).map_err(read)?)?,
                    lease_until: time(row.try_get_by_index(4).map_err(read)?)?,
                    is_live: row.try_get_by_index(5).map_err(read)?,
                    is_leader: row.try_get_by_index(6).map_err(read)?,
                    running_jobs: u64::try_from(running).unwrap_or_default(),
                    job_types: self.job_types(row.try_get_by_index(8).map_err(read)?),
                    remote_types: self.job_types(row.try_get_by_index(10).map_err(read)?),
                    is_draining: row.try_get_by_index(9).map_err(read)?,
                })
            })
            .collect()
    }
}

impl CommitContext<'_> {
    /// The database's current time, in microseconds since 1970.
    pub(crate) fn now_sql(&self) -> &'static str {
        self.repository.now_sql()
    }

    pub(crate) async fn heartbeat(
        &mut self,
        node: NodeId,
        name: &str,
        started_at: DateTime<Utc>,
        lease: TimeSpan,
        (job_types, remote_types): (&[JobType], &[JobType]),
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let now = self.now_sql();
        if !self.repository.is_postgres() {
            // The lock beside the file guarantees that no other server is live.
            let others = Statement::from_sql_and_values(
                self.backend(),
                "DELETE FROM nodes WHERE id <> $1 AND worker IS NULL",
                [node.as_uuid().into()],
            );
            self.transaction.execute_raw(others).await?;
            self.end_lead("holder <> $1", node).await?;
        }
        self.correct_leases(node, lease).await?;
        let names = |types: &[JobType]| {
            let names: Vec<&str> = types.iter().map(JobType::as_str).collect();
            // Names always become JSON.
            serde_json::to_string(&names).unwrap_or_default()
        };
        let sql = format!(
            "INSERT INTO nodes (id, name, started_at, heartbeat_at, lease_until, job_types, remote_types) \
             SELECT $1, $2, $3, {now}, {now} + $4, $5, $6 WHERE true ON CONFLICT (id) \
             DO UPDATE SET heartbeat_at = excluded.heartbeat_at, lease_until = excluded.lease_until"
        );
        let values = [
            node.as_uuid().into(),
            name.into(),
            micros(started_at).into(),
            lease.as_micros().into(),
            names(job_types).into(),
            names(remote_types).into(),
        ];
        self.transaction
            .execute_raw(Statement::from_sql_and_values(self.backend(), sql, values))
            .await?;
        // Attempts refer to the names of workers, so these are kept for longer.
        let dead = format!(
            "DELETE FROM nodes WHERE lease_until < {now} - {DEAD_SHOWN_MICROS} \
             AND (worker IS NULL OR heartbeat_at < {now} - {WORKERS_KEPT_MICROS})"
        );
        self.transaction
            .execute_raw(Statement::from_string(self.backend(), dead))
            .await?;
        Ok(Ok(Applied::Alive))
    }

    /// Extends the leases of workers that run jobs if no server could be reached for a while, and shortens those that were
    /// renewed in the future. A server with an earlier lease extends those of other servers too: what has made its own
    /// heartbeat late has done the same to theirs. A lease that was extended is longer than one that was renewed: it is not
    /// extended again, however late the heartbeats are while storage is slow.
    async fn correct_leases(&self, node: NodeId, lease: TimeSpan) -> Result<(), CommitFailure> {
        let now = self.now_sql();
        let (part, whole) = DEAF_AFTER;
        let reachable = format!(
            "SELECT 1 FROM nodes WHERE worker IS NULL \
             AND heartbeat_at + (lease_until - heartbeat_at) * {part} / {whole} >= {now} LIMIT 1"
        );
        let reachable = Statement::from_string(self.backend(), reachable);
        let mut corrections = vec![format!(
            "UPDATE nodes SET heartbeat_at = {now}, lease_until = {now} + (lease_until - heartbeat_at) \
             WHERE heartbeat_at > {now} + {FUTURE_MICROS} AND lease_until > 0 AND id <> $2"
        )];
        if self.transaction.query_one_raw(reachable).await?.is_none() {
            corrections.push(format!(
                "UPDATE nodes SET lease_until = {now} + $1 WHERE (worker IS NOT NULL OR $2 IN (SELECT id FROM nodes)) \
                 AND lease_until > 0 AND lease_until < {now} + $1 AND lease_until - heartbeat_at <= $1 \
                 AND (EXISTS (SELECT 1 FROM jobs WHERE jobs.status = 1 AND jobs.node = nodes.id) \
                 OR EXISTS (SELECT 1 FROM jobs WHERE jobs.claimed_by IS NOT NULL AND jobs.claimed_by = nodes.id))"
            ));
        }
        for sql in corrections {
            let values = [lease.as_micros().into(), node.as_uuid().into()];
            let statement = Statement::from_sql_and_values(self.backend(), sql, values);
            self.transaction.execute_raw(statement).await?;
        }
        Ok(())
    }

    /// The nodes with valid leases among these. Their rows are locked until the commit, so that no renewal comes in
    /// between.
    pub(crate) async fn holding_leases(&self, nodes: &BTreeSet<NodeId>) -> Result<HashSet<NodeId>, CommitFailure> {
        let lock = if self.repository.is_postgres() {
            "FOR UPDATE"
        } else {
            ""
        };
        let mut holding = HashSet::new();
        for node in nodes {
            let sql = format!("SELECT {} FROM nodes WHERE id = $1 {lock}", self.repository.live_sql());
            let statement = Statement::from_sql_and_values(self.backend(), sql, [node.as_uuid().into()]);
            if let Some(row) = self.transaction.query_one_raw(statement).await?
                && row.try_get_by_index(0)?
            {
                holding.insert(*node);
            }
        }
        Ok(holding)
    }

    /// `true` if a node leads with this token.
    pub(crate) async fn leads(&self, node: NodeId, token: FencingToken) -> Result<bool, CommitFailure> {
        // Locked until the commit: on PostgreSQL no other node can become the leader while this one acts.
        let lock = if self.repository.is_postgres() { "FOR SHARE" } else { "" };
        let sql = format!(
            "SELECT 1 FROM leaders WHERE role = '{SCHEDULER}' AND holder = $1 AND token = $2 AND lease_until >= {} {lock}",
            self.now_sql()
        );
        let values = [node.as_uuid().into(), token.number().into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(self.transaction.query_one_raw(statement).await?.is_some())
    }

    pub(crate) async fn lead(
        &mut self,
        node: NodeId,
        lease: TimeSpan,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let now = self.now_sql();
        // The same as `Leadership::requested`, in one statement: no other node can interfere.
        let sql = format!(
            "INSERT INTO leaders (role, holder, token, lease_until) SELECT '{SCHEDULER}', $1, 1, {now} + $2 WHERE true \
             ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until, \
             token = leaders.token + CASE WHEN leaders.lease_until >= {now} THEN 0 ELSE 1 END \
             WHERE leaders.holder = excluded.holder OR leaders.lease_until < {now} RETURNING token"
        );
        let statement =
            Statement::from_sql_and_values(self.backend(), sql, [node.as_uuid().into(), lease.as_micros().into()]);
        let token = match self.transaction.query_one_raw(statement).await? {
            Some(row) => Some(FencingToken::from_stored(row.try_get_by_index(0)?)),
            None => None,
        };
        Ok(Ok(Applied::Led(token)))
    }

    pub(crate) async fn set_draining(
        &mut self,
        node: NodeId,
        is_draining: bool,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let sql = "SELECT draining FROM nodes WHERE id = $1 AND worker IS NULL";
        let known = Statement::from_sql_and_values(self.backend(), sql, [node.as_uuid().into()]);
        let Some(row) = self.transaction.query_one_raw(known).await? else {
            return Ok(Err(ChangeError::Conflict));
        };
        let was_draining: bool = row.try_get_by_index(0)?;
        let sql = "UPDATE nodes SET draining = $2 WHERE id = $1";
        let set = Statement::from_sql_and_values(self.backend(), sql, [node.as_uuid().into(), is_draining.into()]);
        self.transaction.execute_raw(set).await?;
        Ok(Ok(Applied::DrainSet {
            changed: was_draining != is_draining,
        }))
    }

    pub(crate) async fn leave(&mut self, node: NodeId) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let gone = "DELETE FROM nodes WHERE id = $1 AND worker IS NULL";
        let ended = "UPDATE nodes SET lease_until = 0 WHERE id = $1 AND lease_until <> 0";
        let mut changed = false;
        for sql in [gone, ended] {
            let statement = Statement::from_sql_and_values(self.backend(), sql, [node.as_uuid().into()]);
            changed |= self.transaction.execute_raw(statement).await?.rows_affected() > 0;
        }
        self.end_lead("holder = $1", node).await?;
        Ok(Ok(Applied::Left { changed }))
    }

    /// Another node may lead at once, under the next token: `Leadership::ended`.
    async fn end_lead(&self, of: &str, node: NodeId) -> Result<(), CommitFailure> {
        let sql = format!("UPDATE leaders SET lease_until = 0 WHERE {of}");
        let ended = Statement::from_sql_and_values(self.backend(), sql, [node.as_uuid().into()]);
        self.transaction.execute_raw(ended).await?;
        Ok(())
    }
}
