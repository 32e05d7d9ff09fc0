//! Webhook endpoints, and what is read of them and their deliveries.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::{webhook_delivery, webhook_endpoint};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryResult, Statement,
};

use crate::domain::values::id::{EndpointId, JobId, NodeId};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::trace_state::from_stored;
use crate::domain::webhooks::delivery::{Delivery, DeliveryAttempt, DeliveryId, DeliveryStatus, DueDelivery, Message};
use crate::domain::webhooks::endpoint::{
    Disabled, DisabledReason, Endpoint, EndpointSource, PreviousSecret, SigningSecret,
};
use crate::domain::webhooks::event::WebhookEvents;
use crate::storage::change::{Applied, ChangeError};
use crate::storage::outbox::HoldEndpoints;
use crate::storage::query::{DeliveryPage, StoredEndpoint};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::commit::outbox::uuid_at;
use crate::storage::sea::error::{CommitFailure, corrupt, unavailable};
use crate::storage::sea::jobs::unreadable::row_of;
use crate::storage::sea::mapping::{count, int, micros, optional_time, time};
use crate::storage::sea::repository::SeaRepository;
use crate::storage::sea::webhooks::delivery_page::select_page;

/// Due deliveries of an endpoint: the first pending one of each ordering key, the longest waiting ones first. The
/// first one of a key is selected row by row: PostgreSQL turns "there is none before it" into a join, which may read
/// all pending deliveries, and does so if the table has grown since it was last analyzed.
fn due_sql(is_postgres: bool) -> String {
    // SQLite takes an index by its number of equalities, and would walk all that is pending.
    let by_lane = if is_postgres {
        ""
    } else {
        "INDEXED BY webhook_deliveries_lanes"
    };
    format!(
        "SELECT d.* FROM webhook_deliveries AS d WHERE d.endpoint_id = $1 AND d.status = 0 AND d.due_at <= $2 \
         AND d.seq = (SELECT e.seq FROM webhook_deliveries AS e {by_lane} WHERE e.endpoint_id = d.endpoint_id \
         AND e.lane = d.lane AND e.status = 0 ORDER BY e.seq LIMIT 1) ORDER BY d.due_at, d.seq LIMIT $3"
    )
}

impl CommitContext<'_> {
    pub(crate) async fn put_endpoint(
        &mut self,
        before: Option<&Endpoint>,
        after: &Endpoint,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let Some(before) = before else {
            let mut holder = None;
            // A conflict is a result, and must not abort the transaction.
            let id = after.id.as_uuid();
            let taken = webhook_endpoint::Entity::find_by_id(id).one(&self.transaction).await?;
            match taken {
                Some(row) if !row.is_deleted => return Ok(Err(ChangeError::Conflict)),
                Some(row) => {
                    // Configured again before its deliveries were gone: the same endpoint is created again. Its
                    // owner, whose sender may still be active, remains.
                    holder = row.holder;
                    webhook_endpoint::Entity::delete_by_id(id)
                        .exec(&self.transaction)
                        .await?;
                }
                None => {}
            }
            let row = webhook_endpoint::Model { holder, ..row(after) };
            row.into_active_model().reset_all().insert(&self.transaction).await?;
            return Ok(Ok(Applied::EndpointStored));
        };
        let mut changed = row(after).into_active_model().reset_all();
        changed.id = sea_orm::NotSet;
        changed.holder = sea_orm::NotSet;
        changed.unnamed_since = sea_orm::NotSet;
        if after.events.is_empty() {
            // It is retired: its events are kept in the row.
            changed.events = sea_orm::NotSet;
            changed.is_retired = sea_orm::NotSet;
        }
        let updated = webhook_endpoint::Entity::update_many()
            .set(changed)
            .filter(webhook_endpoint::Column::Id.eq(before.id.as_uuid()))
            .filter(webhook_endpoint::Column::Revision.eq(int(before.revision)))
            .filter(webhook_endpoint::Column::IsDeleted.eq(false))
            .exec(&self.transaction)
            .await?;
        Ok(if updated.rows_affected == 0 {
            Err(ChangeError::Conflict)
        } else {
            Ok(Applied::EndpointStored)
        })
    }

    pub(crate) async fn delete_endpoint(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let sql = "UPDATE webhook_endpoints SET is_deleted = true, secret = '', previous_secret = NULL \
                   WHERE id = $1 AND revision = $2 AND NOT is_deleted";
        let values = vec![endpoint.id.as_uuid().into(), int(endpoint.revision).into()];
        Ok(if self.execute(sql, values).await? == 0 {
            Err(ChangeError::Conflict)
        } else {
            Ok(Applied::Deleted)
        })
    }

    pub(crate) async fn hold_endpoints(
        &mut self,
        hold: HoldEndpoints,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let HoldEndpoints { node, limit } = hold;
        if !self.repository.holds_lease(node, &self.transaction).await? {
            return Ok(Err(ChangeError::NoLease));
        }
        let held = self.endpoints_of(node).await?;
        let room = usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(held.len());
        if room == 0 {
            return Ok(Ok(Applied::Held(held)));
        }
        let lock = if self.repository.is_postgres() {
            "FOR UPDATE SKIP LOCKED"
        } else {
            ""
        };
        let sql = format!(
            "UPDATE webhook_endpoints SET holder = $1 WHERE id IN (SELECT id FROM webhook_endpoints \
             WHERE disabled_reason IS NULL AND NOT is_deleted AND (holder IS NULL OR holder NOT IN \
             (SELECT id FROM nodes WHERE {})) ORDER BY id LIMIT $2 {lock})",
            self.repository.live_sql()
        );
        let room = i64::try_from(room).unwrap_or(i64::MAX);
        self.execute(&sql, vec![node.as_uuid().into(), room.into()]).await?;
        Ok(Ok(Applied::Held(self.endpoints_of(node).await?)))
    }

    async fn endpoints_of(&self, node: NodeId) -> Result<Vec<EndpointId>, CommitFailure> {
        let sql = "SELECT id FROM webhook_endpoints WHERE holder = $1 AND disabled_reason IS NULL AND NOT is_deleted";
        let statement = Statement::from_sql_and_values(self.backend(), sql, [node.as_uuid().into()]);
        let rows = self.transaction.query_all_raw(statement).await?;
        let ids = rows.iter().map(|row| uuid_at(row, 0).map(EndpointId::from_uuid));
        Ok(ids.collect::<Result<_, DbErr>>()?)
    }
}

impl SeaRepository {
    pub(crate) async fn read_endpoints(&self) -> Result<Vec<StoredEndpoint>, RepositoryError> {
        let failed = |error: DbErr| unavailable(&error);
        let sql = format!("SELECT id FROM nodes WHERE {}", self.live_sql());
        let backend = self.backend();
        let live = self.readers().query_all_raw(Statement::from_string(backend, sql)).await;
        let live = live.map_err(failed)?;
        let live: Vec<NodeId> = live
            .iter()
            .map(|row| uuid_at(row, 0).map(NodeId::from_uuid))
            .collect::<Result<_, DbErr>>()
            .map_err(failed)?;
        let names = self.read_endpoint_names().await.map_err(failed)?;
        let rows = rows_of_endpoints(&self.readers(), self.backend())
            .await
            .map_err(failed)?;
        let rows = rows
            .iter()
            .map(|row| row_of::<webhook_endpoint::Model>("webhook_endpoints", row));
        let rows = self.unreadable.leave_out(rows)?;
        let is_any_silent = self.has_silent_server().await.map_err(failed)?;
        let waiting = if rows.iter().any(|row| row.is_retired) {
            self.read_retired_with_pending().await.map_err(failed)?
        } else {
            Vec::new()
        };
        let read = rows.into_iter().map(|row| {
            let holder = row.holder.map(NodeId::from_uuid);
            let unnamed_since = optional_time(row.unnamed_since)?;
            let has_pending = waiting.contains(&row.id);
            let endpoint = Arc::new(self.endpoint(row)?);
            let naming = names.iter().filter(|(id, _)| *id == endpoint.id);
            let named_by: Vec<NodeId> = naming.map(|(_, node)| *node).collect();
            Ok(StoredEndpoint {
                endpoint,
                holder,
                is_held: holder.is_some_and(|holder| live.contains(&holder)),
                is_named: is_any_silent || named_by.iter().any(|node| live.contains(node)),
                named_by,
                unnamed_since,
                has_pending,
            })
        });
        self.unreadable.leave_out(read)
    }

    /// The endpoint of a row. Events that another version of this program has written are kept and choose nothing here.
    fn endpoint(&self, row: webhook_endpoint::Model) -> Result<Endpoint, RepositoryError> {
        let endpoint = endpoint(row)?;
        if let Some(event) = endpoint.events.unknown() {
            self.unreadable.log(format!(
                "the webhook endpoint {} names the event '{event}', which this version does not know",
                endpoint.id
            ));
        }
        Ok(endpoint)
    }

    /// The endpoints in the snapshot of a transaction.
    pub(crate) async fn stored_endpoints(
        &self,
        transaction: &impl ConnectionTrait,
    ) -> Result<Vec<Arc<Endpoint>>, CommitFailure> {
        let rows = rows_of_endpoints(transaction, self.backend()).await?;
        let endpoints = rows.iter().map(|row| {
            let row = row_of("webhook_endpoints", row)?;
            self.endpoint(row).map(Arc::new)
        });
        // Jobs start and end even if an endpoint can't be read.
        Ok(self.unreadable.leave_out(endpoints)?)
    }

    pub(crate) async fn read_due_deliveries(
        &self,
        endpoint: EndpointId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DueDelivery>, RepositoryError> {
        let sql = due_sql(self.is_postgres());
        let values = [endpoint.as_uuid().into(), micros(now).into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        let rows = self.readers().query_all_raw(statement).await;
        let rows = rows.map_err(|error| unavailable(&error))?;
        let due = rows.iter().map(|row| {
            let row: webhook_delivery::Model = row_of("webhook_deliveries", row)?;
            let Delivery {
                id,
                endpoint_id: _,
                message,
                status: _,
                attempts,
                due_at: _,
                last: _,
            } = delivery(row)?;
            Ok(DueDelivery { id, message, attempts })
        });
        self.unreadable.leave_out(due)
    }

    pub(crate) async fn read_deliveries(
        &self,
        endpoint: EndpointId,
        page: DeliveryPage,
    ) -> Result<Vec<Delivery>, RepositoryError> {
        let statement = select_page("*", endpoint, page, self.backend());
        let rows = webhook_delivery::Entity::find()
            .from_raw_sql(statement)
            .all(&self.readers())
            .await
            .map_err(|error| unavailable(&error))?;
        rows.into_iter().map(delivery).collect()
    }

    pub(crate) async fn read_delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, RepositoryError> {
        let row = webhook_delivery::Entity::find_by_id(id.number())
            .one(&self.readers())
            .await
            .map_err(|error| unavailable(&error))?;
        row.map(delivery).transpose()
    }
}

async fn rows_of_endpoints(connection: &impl ConnectionTrait, backend: DbBackend) -> Result<Vec<QueryResult>, DbErr> {
    let sql = "SELECT * FROM webhook_endpoints WHERE NOT is_deleted ORDER BY id";
    connection.query_all_raw(Statement::from_string(backend, sql)).await
}

fn row(endpoint: &Endpoint) -> webhook_endpoint::Model {
    let Endpoint {
        id,
        name,
        url,
        events,
        secret,
        previous_secret,
        max_retries,
        retry_delay,
        source,
        disabled,
        failing_since,
        created_at,
        updated_at,
        revision,
    } = endpoint;
    webhook_endpoint::Model {
        id: id.as_uuid(),
        name: name.to_string(),
        url: url.to_string(),
        events: events.to_string(),
        secret: secret.expose().to_owned(),
        previous_secret: previous_secret
            .as_ref()
            .map(|previous| previous.secret.expose().to_owned()),
        previous_until: previous_secret.as_ref().and_then(|previous| previous.until).map(micros),
        max_retries: int(*max_retries),
        retry_delay: retry_delay.as_micros(),
        source: source.code(),
        disabled_at: disabled.map(|disabled| micros(disabled.at)),
        disabled_reason: disabled.map(|disabled| disabled.reason.code()),
        failing_since: failing_since.map(micros),
        created_at: micros(*created_at),
        updated_at: micros(*updated_at),
        revision: int(*revision),
        is_deleted: false,
        holder: None,
        unnamed_since: None,
        is_retired: false,
    }
}

fn endpoint(row: webhook_endpoint::Model) -> Result<Endpoint, RepositoryError> {
    let webhook_endpoint::Model {
        id,
        name,
        url,
        events,
        secret,
        previous_secret,
        previous_until,
        max_retries,
        retry_delay,
        source,
        disabled_at,
        disabled_reason,
        failing_since,
        created_at,
        updated_at,
        revision,
        is_deleted: _,
        holder: _,
        unnamed_since: _,
        is_retired,
    } = row;
    let wrong = |what: &str| corrupt(format!("the webhook endpoint {id} has no valid {what}"));
    Ok(Endpoint {
        id: EndpointId::from_uuid(id),
        name: Arc::from(name),
        url: Arc::from(url),
        events: if is_retired {
            WebhookEvents::none()
        } else {
            WebhookEvents::from_stored(&events)
        },
        secret: SigningSecret::new(secret),
        previous_secret: match previous_secret {
            Some(secret) => Some(PreviousSecret {
                secret: SigningSecret::new(secret),
                until: optional_time(previous_until).map_err(|_| wrong("time"))?,
            }),
            None => None,
        },
        max_retries: count(max_retries),
        retry_delay: TimeSpan::from_micros(retry_delay),
        source: EndpointSource::from_code(source).ok_or_else(|| wrong("source"))?,
        disabled: match (disabled_at, disabled_reason) {
            (Some(at), Some(reason)) => Some(Disabled {
                at: time(at).map_err(|_| wrong("time"))?,
                reason: DisabledReason::from_code(reason).ok_or_else(|| wrong("reason"))?,
            }),
            (_, _) => None,
        },
        failing_since: optional_time(failing_since).map_err(|_| wrong("time"))?,
        created_at: time(created_at).map_err(|_| wrong("time"))?,
        updated_at: time(updated_at).map_err(|_| wrong("time"))?,
        revision: count(revision),
    })
}

fn delivery(row: webhook_delivery::Model) -> Result<Delivery, RepositoryError> {
    let webhook_delivery::Model {
        seq,
        endpoint_id,
        message_id,
        event,
        at,
        lane,
        job_id,
        trace_parent,
        body,
        status,
        attempts,
        due_at,
        last_at,
        duration,
        response_status,
        response_body,
        error,
    } = row;
    let (place, propagated) = trace_parent.as_deref().map(from_stored).unwrap_or_default();
    Ok(Delivery {
        id: DeliveryId::from_number(seq),
        endpoint_id: EndpointId::from_uuid(endpoint_id),
        message: Message {
            id: message_id,
            event: Arc::from(event),
            at: time(at)?,
            ordering_key: lane,
            job_id: job_id.map(JobId::from_uuid),
            trace_parent: place,
            propagated,
            body: Arc::from(body),
        },
        status: DeliveryStatus::from_code(status)
            .ok_or_else(|| corrupt(format!("{status} is no status of a delivery")))?,
        attempts: count(attempts),
        due_at: time(due_at)?,
        last: match last_at {
            Some(last_at) => Some(DeliveryAttempt {
                at: time(last_at)?,
                duration: TimeSpan::from_micros(duration.unwrap_or_default()),
                response_status: response_status.and_then(|status| u16::try_from(status).ok()),
                response_body: response_body.map(Arc::from),
                error: error.map(Arc::from),
            }),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::due_sql;
    use crate::storage::sea::{SeaOptions, SeaRepository};
    use sea_orm::{ConnectionTrait, DbBackend, Statement};

    #[tokio::test]
    async fn due_deliveries_are_found_by_their_index_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let repository = SeaRepository::connect(SeaOptions::new(url)).await.expect("a database");
        repository.migrate_up().await.expect("tables");
        let values = [uuid::Uuid::nil().into(), 0_i64.into(), 10_i64.into()];
        let sql = format!("EXPLAIN QUERY PLAN {}", due_sql(false));
        let explained = Statement::from_sql_and_values(DbBackend::Sqlite, sql, values);
        let rows = repository.readers().query_all_raw(explained).await.expect("a plan");
        let plan: Vec<String> = rows
            .iter()
            .map(|row| row.try_get("", "detail").expect("a line"))
            .collect();
        let plan = plan.join("; ");
        assert!(
            plan.contains("INDEX webhook_deliveries_due (endpoint_id=? AND due_at<?)"),
            "{plan}"
        );
        assert!(
            plan.contains("INDEX webhook_deliveries_lanes (endpoint_id=? AND lane=?)"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }
}
