//! Deliveries: written with their changes, updated with their outcomes, removed in batches.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Statement, Value};
use uuid::Uuid;

use super::bulk_values::{FILLED_ROWS_MAX, Kind, Rows};
use super::context::CommitContext;
use crate::domain::values::id::{EndpointId, JobId};
use crate::domain::values::trace_state::to_stored;
use crate::domain::webhooks::delivery::{AfterAttempt, DeliveryAttempt, DeliveryStatus, Message};
use crate::domain::webhooks::endpoint::Disabled;
use crate::storage::change::{Applied, Change, ChangeError, WebhookChange};
use crate::storage::commit::{ChangeResult, Commit, OutboxResult, OutboxRule};
use crate::storage::outbox::{
    AttemptOutcome, Attempts, EndpointHealth, EndpointsAt, FeedEntry, OutboxEntries, OutboxMessage, Redelivery,
};
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::mapping::{int, micros, text};

const MESSAGE: &[Kind] = &[
    Kind::Uuid,
    Kind::Text,
    Kind::Big,
    Kind::Uuid,
    Kind::UuidOrNull,
    Kind::Text,
    Kind::TextOrNull,
];
const ENDPOINT: &[Kind] = &[Kind::Uuid];
const FEED: &[Kind] = &[Kind::Uuid, Kind::Big];
const OUTCOME: &[Kind] = &[
    Kind::Big,
    Kind::Int,
    Kind::Small,
    Kind::Big,
    Kind::Big,
    Kind::Big,
    Kind::BigOrNull,
    Kind::TextOrNull,
    Kind::TextOrNull,
];

impl CommitContext<'_> {
    /// Writes the outbox entries of a commit, whose results are known. Their rows come last in the commit: a row of a
    /// job's later change is written after the earlier commit has released the job's lock, so its number is greater.
    pub(crate) async fn write_outbox(
        &mut self,
        commit: &Commit,
        results: &[ChangeResult],
    ) -> Result<Option<OutboxResult>, CommitFailure> {
        let Some(rule) = &commit.outbox else { return Ok(None) };
        let newer = self.newer_endpoints(rule).await?;
        let endpoints = newer.as_ref().map(|newer| &*newer.endpoints);
        let OutboxEntries { messages, feed, events } = rule.entries(&commit.changes, results, endpoints);
        self.write_feed(&feed).await?;
        let endpoints = self.enqueue(&messages).await?;
        Ok(Some(OutboxResult {
            endpoints,
            newer,
            events,
        }))
    }

    /// The stored endpoints, if the node that commits does not know them.
    async fn newer_endpoints(&self, rule: &OutboxRule) -> Result<Option<EndpointsAt>, CommitFailure> {
        let Some(known) = rule.known().filter(|_| self.repository.is_postgres()) else {
            return Ok(None);
        };
        let sql = "SELECT version FROM webhook_endpoint_version";
        let statement = Statement::from_string(self.backend(), sql);
        let version: Option<i64> = match self.transaction.query_one_raw(statement).await? {
            Some(row) => Some(row.try_get_by_index(0)?),
            None => None,
        };
        let Some(version) = version.filter(|version| known.version != Some(*version)) else {
            return Ok(None);
        };
        // Read after the version: they are as new, or newer, and then the next commit reads them again.
        let endpoints = self.repository.stored_endpoints(&self.transaction).await?;
        Ok(Some(EndpointsAt {
            version,
            endpoints: endpoints.into(),
        }))
    }

    pub(crate) async fn enqueue(&mut self, messages: &[OutboxMessage]) -> Result<Vec<EndpointId>, CommitFailure> {
        let mut receivers: Vec<EndpointId> = Vec::new();
        // Usually all messages of a commit are for the same endpoints: then each message is passed once, however
        // many endpoints it is for.
        let mut groups: Vec<(&[EndpointId], Vec<&Message>)> = Vec::new();
        // A later message of an ordering key is in a later group, or behind it in the same: numbers are assigned in
        // this order.
        let mut last_group: HashMap<Uuid, usize> = HashMap::new();
        for OutboxMessage { message, endpoints } in messages {
            let first = last_group.get(&message.ordering_key).copied().unwrap_or_default();
            let known = groups.iter().skip(first).position(|(known, _)| *known == endpoints);
            let group = known.map_or(groups.len(), |place| first + place);
            if group == groups.len() {
                groups.push((endpoints, Vec::new()));
            }
            groups[group].1.push(message);
            last_group.insert(message.ordering_key, group);
            for endpoint in endpoints {
                if !receivers.contains(endpoint) {
                    receivers.push(*endpoint);
                }
            }
        }
        for (endpoints, messages) in groups {
            for messages in messages.chunks(FILLED_ROWS_MAX) {
                for endpoints in endpoints.chunks(FILLED_ROWS_MAX) {
                    self.enqueue_each(endpoints, messages).await?;
                }
            }
        }
        Ok(receivers)
    }

    /// Writes a delivery of each message to each endpoint.
    async fn enqueue_each(&self, endpoints: &[EndpointId], messages: &[&Message]) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(MESSAGE, messages.len());
        for Message {
            id,
            event,
            at,
            ordering_key,
            job_id,
            trace_parent,
            propagated,
            body,
        } in messages
        {
            rows.push([
                (*id).into(),
                event.to_string().into(),
                micros(*at).into(),
                (*ordering_key).into(),
                job_id.map(JobId::as_uuid).into(),
                body.to_string().into(),
                to_stored(*trace_parent, propagated.as_deref()).into(),
            ]);
        }
        let mut whom = Rows::new(ENDPOINT, endpoints.len());
        for endpoint in endpoints {
            whom.push([endpoint.as_uuid().into()]);
        }
        let mut values = Vec::new();
        let (rows, whom) = (
            rows.filled_part(self.backend(), &mut values),
            whom.filled_part(self.backend(), &mut values),
        );
        // On SQLite a cross join is run in the order in which it is written.
        let sql = format!(
            "INSERT INTO webhook_deliveries (endpoint_id, message_id, event, at, lane, job_id, body, trace_parent, due_at) \
             SELECT e.c1, v.c1, v.c2, v.c3, v.c4, v.c5, v.c6, v.c7, v.c3 FROM {rows} AS v CROSS JOIN {whom} AS e \
             WHERE v.c1 IS NOT NULL AND e.c1 IS NOT NULL"
        );
        self.execute(&sql, values).await?;
        Ok(())
    }

    async fn write_feed(&mut self, feed: &[FeedEntry]) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(FEED, feed.len());
        for FeedEntry { job_id, at } in feed {
            rows.push([job_id.as_uuid().into(), micros(*at).into()]);
        }
        rows.execute(&self.transaction, |source| {
            format!("INSERT INTO job_changes (job_id, at) SELECT c1, c2 FROM {source} AS v")
        })
        .await?;
        Ok(())
    }

    /// Stores outcomes of deliveries to any endpoints.
    pub(crate) async fn record_outcomes(&mut self, changes: &[Change]) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(OUTCOME, 0);
        for change in changes {
            let Change::Webhook(WebhookChange::Attempts(attempts)) = change else {
                continue;
            };
            for outcome in &attempts.outcomes {
                rows.push(outcome_row(outcome));
            }
        }
        rows.execute_filled(&self.transaction, |source| {
            // They are looked up by their numbers; as to `status + 0`, see `lifecycle::start_sql`.
            format!(
                "UPDATE webhook_deliveries SET attempts = v.c2, status = v.c3, due_at = v.c4, last_at = v.c5, \
                 duration = v.c6, response_status = v.c7, response_body = v.c8, error = v.c9 FROM {source} AS v \
                 WHERE webhook_deliveries.seq = v.c1 AND webhook_deliveries.status + 0 = 0 \
                 AND webhook_deliveries.attempts = v.c2 - 1"
            )
        })
        .await?;
        Ok(())
    }

    /// Stores the health of an endpoint after attempts whose outcomes were stored before.
    pub(crate) async fn record_attempts(
        &mut self,
        attempts: &Attempts,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let Attempts {
            endpoint_id,
            outcomes: _,
            health,
            disable,
        } = attempts;
        let id: Value = endpoint_id.as_uuid().into();
        match health {
            EndpointHealth::AsBefore => {}
            EndpointHealth::Well => {
                let sql =
                    "UPDATE webhook_endpoints SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL";
                self.execute(sql, vec![id.clone()]).await?;
            }
            EndpointHealth::FailingSince(since) => {
                let sql = "UPDATE webhook_endpoints SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL";
                self.execute(sql, vec![id.clone(), micros(*since).into()]).await?;
            }
        }
        let is_disabled = match disable {
            None => false,
            Some(Disabled { at, reason }) => {
                let sql = "UPDATE webhook_endpoints SET disabled_at = $2, disabled_reason = $3, updated_at = $2, \
                           revision = revision + 1 WHERE id = $1 AND disabled_reason IS NULL";
                let values = vec![id, micros(*at).into(), reason.code().into()];
                self.execute(sql, values).await? > 0
            }
        };
        Ok(Ok(Applied::Attempted { is_disabled }))
    }

    pub(crate) async fn redeliver(
        &mut self,
        which: Redelivery,
        now: DateTime<Utc>,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let again = "UPDATE webhook_deliveries SET status = 0, attempts = 0, due_at = $1 WHERE";
        let now: Value = micros(now).into();
        let changed = match which {
            Redelivery::One(id) => {
                let sql = format!("{again} seq = $2 AND status <> 0");
                self.execute(&sql, vec![now, id.number().into()]).await?
            }
            Redelivery::FailedSince {
                endpoint_id,
                since,
                limit,
            } => {
                let sql = format!(
                    "{again} seq IN (SELECT seq FROM webhook_deliveries WHERE endpoint_id = $2 AND status = 2 \
                     AND at >= $3 ORDER BY at, seq LIMIT $4)"
                );
                let values = vec![
                    now,
                    endpoint_id.as_uuid().into(),
                    micros(since).into(),
                    i64::from(limit).into(),
                ];
                self.execute(&sql, values).await?
            }
        };
        Ok(Ok(Applied::Removed(changed)))
    }

    pub(crate) async fn prune_deliveries(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64, CommitFailure> {
        let count: Value = i64::from(limit).into();
        // A removed endpoint: its deliveries first, then itself.
        let orphaned = "DELETE FROM webhook_deliveries WHERE seq IN (SELECT seq FROM webhook_deliveries \
                        WHERE endpoint_id = (SELECT id FROM webhook_endpoints WHERE is_deleted ORDER BY id LIMIT 1) \
                        LIMIT $1)";
        let removed = self.execute(orphaned, vec![count.clone()]).await?;
        if removed > 0 {
            return Ok(removed);
        }
        let emptied = "DELETE FROM webhook_endpoints WHERE is_deleted AND NOT EXISTS \
                       (SELECT 1 FROM webhook_deliveries WHERE endpoint_id = webhook_endpoints.id)";
        self.execute(emptied, Vec::new()).await?;
        // Deliveries are numbered in the order of time: the scan stops at the first recent one.
        let old = "DELETE FROM webhook_deliveries WHERE seq IN (SELECT seq FROM webhook_deliveries WHERE seq < \
                   COALESCE((SELECT seq FROM webhook_deliveries WHERE at >= $1 ORDER BY seq LIMIT 1), 9223372036854775807) \
                   AND (status <> 0 OR endpoint_id IN \
                   (SELECT id FROM webhook_endpoints WHERE disabled_reason IS NOT NULL)) ORDER BY seq LIMIT $2)";
        self.execute(old, vec![micros(before).into(), count]).await
    }

    /// Runs a statement and returns the number of changed rows.
    pub(crate) async fn execute(&self, sql: &str, values: Vec<Value>) -> Result<u64, CommitFailure> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        Ok(self.transaction.execute_raw(statement).await?.rows_affected())
    }
}

fn outcome_row(outcome: &AttemptOutcome) -> [Value; 9] {
    let AttemptOutcome {
        id,
        number,
        attempt:
            DeliveryAttempt {
                at,
                duration,
                response_status,
                response_body,
                error,
            },
        after,
    } = outcome;
    let (status, due_at) = match after {
        AfterAttempt::Delivered => (DeliveryStatus::Delivered, *at),
        AfterAttempt::Failed => (DeliveryStatus::Failed, *at),
        AfterAttempt::RetryAt(due_at) => (DeliveryStatus::Pending, *due_at),
    };
    [
        id.number().into(),
        int(*number).into(),
        status.code().into(),
        micros(due_at).into(),
        micros(*at).into(),
        duration.as_micros().into(),
        response_status.map(i64::from).into(),
        text(response_body.as_ref()),
        text(error.as_ref()),
    ]
}

/// A UUID of a row, by its place.
pub(crate) fn uuid_at(row: &sea_orm::QueryResult, index: usize) -> Result<Uuid, sea_orm::DbErr> {
    row.try_get_by_index(index)
}
