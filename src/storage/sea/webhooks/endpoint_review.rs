//! Configured endpoints by live nodes, and the removal of those in no live node's configuration.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};
use uuid::Uuid;

use crate::domain::values::id::{EndpointId, NodeId};
use crate::domain::values::time_span::TimeSpan;
use crate::storage::change::{Applied, Change, ChangeError};
use crate::storage::outbox::{ReviewEndpoints, ReviewedEndpoints, UnnamedEndpoint};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::commit::outbox::uuid_at;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::repository::SeaRepository;

/// The pending deliveries of a row of `webhook_endpoints`.
const PENDING: &str = "(SELECT CAST(COUNT(*) AS bigint) FROM webhook_deliveries AS d \
                       WHERE d.endpoint_id = webhook_endpoints.id AND d.status = 0)";
/// Columns of an [`UnnamedEndpoint`].
const RETURNING: &str = "RETURNING id, name";

impl CommitContext<'_> {
    pub(crate) async fn review_endpoints(
        &mut self,
        review: &ReviewEndpoints,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let ReviewEndpoints { node, names, grace } = review;
        self.write_names(*node, names).await?;
        let node: Value = node.as_uuid().into();
        let now = self.now_sql();
        let named = format!(
            "(id IN (SELECT endpoint_id FROM webhook_endpoint_names WHERE node_id = $1 \
             OR node_id IN (SELECT id FROM nodes WHERE {})) OR EXISTS ({}))",
            self.repository.live_sql(),
            self.repository.silent_server_sql()
        );
        let named_again =
            format!("UPDATE webhook_endpoints SET unnamed_since = NULL WHERE unnamed_since IS NOT NULL AND {named}");
        self.execute(&named_again, vec![node.clone()]).await?;
        let configured = "source = 0 AND NOT is_deleted";
        let grace_over = format!("{configured} AND unnamed_since <= {now} - $1");
        let grace: Value = grace.max(&TimeSpan::ZERO).as_micros().into();
        // What the last review has retired: an endpoint is never retired and removed in one step, so that no commit of
        // another node that still knew its events is in between.
        let remove = format!(
            "UPDATE webhook_endpoints SET is_deleted = true, secret = '', previous_secret = NULL \
             WHERE {grace_over} AND is_retired AND {PENDING} = 0 {RETURNING}"
        );
        let removed = self.unnamed(&remove, vec![grace.clone()]).await?;
        let unname = format!(
            "UPDATE webhook_endpoints SET unnamed_since = {now} \
             WHERE {configured} AND unnamed_since IS NULL AND NOT ({named}) {RETURNING}"
        );
        let unnamed = self.unnamed(&unname, vec![node]).await?;
        let retire = format!(
            "UPDATE webhook_endpoints SET is_retired = true, revision = revision + 1 \
             WHERE {grace_over} AND NOT is_retired {RETURNING}"
        );
        let retired = self.unnamed(&retire, vec![grace]).await?;
        Ok(Ok(Applied::Reviewed(ReviewedEndpoints {
            unnamed,
            retired,
            removed,
        })))
    }

    /// Replaces the names of a node, and removes those of nodes that have left.
    async fn write_names(&self, node: NodeId, names: &[EndpointId]) -> Result<(), CommitFailure> {
        let node: Value = node.as_uuid().into();
        let stale = "DELETE FROM webhook_endpoint_names \
                     WHERE node_id = $1 OR node_id NOT IN (SELECT id FROM nodes)";
        self.execute(stale, vec![node.clone()]).await?;
        for name in names {
            let sql = "INSERT INTO webhook_endpoint_names (endpoint_id, node_id) VALUES ($1, $2)";
            self.execute(sql, vec![name.as_uuid().into(), node.clone()]).await?;
        }
        Ok(())
    }

    /// Runs a statement that returns endpoints, and counts what is pending of each.
    async fn unnamed(&self, sql: &str, values: Vec<Value>) -> Result<Vec<UnnamedEndpoint>, CommitFailure> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.transaction.query_all_raw(statement).await?;
        let mut endpoints = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = uuid_at(row, 0)?;
            let sql = format!("SELECT {PENDING} FROM webhook_endpoints WHERE id = $1");
            let statement = Statement::from_sql_and_values(self.backend(), sql, [id.into()]);
            let counted = self.transaction.query_one_raw(statement).await?;
            let pending: i64 = match counted {
                Some(row) => row.try_get_by_index(0)?,
                None => 0,
            };
            endpoints.push(UnnamedEndpoint {
                id: EndpointId::from_uuid(id),
                name: row.try_get_by_index::<String>(1)?.into(),
                pending: u64::try_from(pending).unwrap_or_default(),
            });
        }
        Ok(endpoints)
    }

    /// Increments the version of endpoints, which every commit with outbox entries from now on checks. Before any of
    /// them is changed: the row of the version is the first that all commits of this kind lock, which prevents
    /// deadlocks.
    pub(crate) async fn advance_endpoint_version(&self, changes: &[Change]) -> Result<(), CommitFailure> {
        let are_changed = changes
            .iter()
            .any(|change| matches!(change, Change::Webhook(change) if change.changes_endpoints()));
        if !are_changed {
            return Ok(());
        }
        let sql = "UPDATE webhook_endpoint_version SET version = version + 1";
        self.execute(sql, Vec::new()).await?;
        Ok(())
    }
}

impl SeaRepository {
    /// Nodes by the endpoints of their configuration.
    pub(crate) async fn read_endpoint_names(&self) -> Result<Vec<(EndpointId, NodeId)>, DbErr> {
        let sql = "SELECT endpoint_id, node_id FROM webhook_endpoint_names";
        let rows = self
            .readers()
            .query_all_raw(Statement::from_string(self.backend(), sql))
            .await?;
        rows.iter()
            .map(|row| {
                Ok((
                    EndpointId::from_uuid(uuid_at(row, 0)?),
                    NodeId::from_uuid(uuid_at(row, 1)?),
                ))
            })
            .collect()
    }

    /// Live servers of a version that does not store which endpoints its configuration names: it may name any.
    fn silent_server_sql(&self) -> String {
        let live = self.live_sql();
        format!("SELECT 1 FROM nodes WHERE worker IS NULL AND job_types IS NULL AND {live}")
    }

    /// `true` if there is such a server.
    pub(crate) async fn has_silent_server(&self) -> Result<bool, DbErr> {
        let statement = Statement::from_string(self.backend(), format!("{} LIMIT 1", self.silent_server_sql()));
        Ok(self.readers().query_one_raw(statement).await?.is_some())
    }

    /// The retired endpoints that have pending deliveries.
    pub(crate) async fn read_retired_with_pending(&self) -> Result<Vec<Uuid>, DbErr> {
        let sql = "SELECT id FROM webhook_endpoints WHERE is_retired AND NOT is_deleted AND EXISTS \
                   (SELECT 1 FROM webhook_deliveries AS d WHERE d.endpoint_id = webhook_endpoints.id AND d.status = 0)";
        let rows = self
            .readers()
            .query_all_raw(Statement::from_string(self.backend(), sql))
            .await?;
        rows.iter().map(|row: &QueryResult| uuid_at(row, 0)).collect()
    }
}
