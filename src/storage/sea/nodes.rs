//! Nodes and their leases, by the database's own clock.

use chrono::{DateTime, Utc};
use entities::node;
use sea_orm::{ConnectionTrait, EntityTrait, Statement};

use super::commit::Commit;
use super::convert::micros;
use super::error::CommitFailure;
use crate::domain::id::NodeId;
use crate::domain::time_span::TimeSpan;
use crate::storage::change::{Applied, ChangeError};

/// Now, in microseconds since 1970, as PostgreSQL says it.
pub(super) const NOW_POSTGRES: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS bigint)";
/// The same as SQLite says it, which knows milliseconds.
pub(super) const NOW_SQLITE: &str = "CAST(unixepoch('subsec') * 1000000 AS integer)";

impl Commit<'_> {
    /// Now, as the database says it, in microseconds since 1970.
    pub(super) fn now_sql(&self) -> &'static str {
        if self.repository.is_postgres() {
            NOW_POSTGRES
        } else {
            NOW_SQLITE
        }
    }

    /// Whether a node holds its lease, by the database's clock.
    pub(super) async fn holds_lease(&self, node: NodeId) -> Result<bool, CommitFailure> {
        let sql = format!(
            "SELECT 1 FROM nodes WHERE id = $1 AND lease_until >= {}",
            self.now_sql()
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, [node.as_uuid().into()]);
        Ok(self.transaction.query_one_raw(statement).await?.is_some())
    }

    pub(super) async fn heartbeat(
        &mut self,
        node: NodeId,
        name: &str,
        started_at: DateTime<Utc>,
        lease: TimeSpan,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let now = self.now_sql();
        let sql = format!(
            "INSERT INTO nodes (id, name, started_at, heartbeat_at, lease_until) \
             SELECT $1, $2, $3, {now}, {now} + $4 WHERE true ON CONFLICT (id) \
             DO UPDATE SET heartbeat_at = excluded.heartbeat_at, lease_until = excluded.lease_until"
        );
        let values = [
            node.as_uuid().into(),
            name.into(),
            micros(started_at).into(),
            lease.as_micros().into(),
        ];
        self.transaction
            .execute_raw(Statement::from_sql_and_values(self.backend(), sql, values))
            .await?;
        if !self.repository.is_postgres() {
            // The lock beside the file says that no other server can live.
            let others = Statement::from_sql_and_values(
                self.backend(),
                "DELETE FROM nodes WHERE id <> $1",
                [node.as_uuid().into()],
            );
            self.transaction.execute_raw(others).await?;
        }
        Ok(Ok(Applied::Alive))
    }

    pub(super) async fn leave(&mut self, node: NodeId) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        node::Entity::delete_by_id(node.as_uuid())
            .exec(&self.transaction)
            .await?;
        Ok(Ok(Applied::Alive))
    }
}
