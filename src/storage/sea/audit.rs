//! The audit log: written with the changes, read in pages, removed in batches.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use entities::audit_record;
use sea_orm::sea_query::{Expr, Order};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Statement,
};

use super::commit::bulk_values::{Kind, Rows};
use super::commit::context::CommitContext;
use super::error::{CommitFailure, corrupt, unavailable};
use super::repository::SeaRepository;
use crate::domain::access::audit::{AuditAction, AuditOutcome, AuditRecord, AuditTarget};
use crate::domain::access::caller::CallerKind;
use crate::domain::values::id::{AuditId, OperationId};
use crate::domain::values::name::QueueName;
use crate::storage::change::{Applied, Change, JobChange, OperationChange};
use crate::storage::commit::{AuditEntry, ChangeResult, Commit};
use crate::storage::query::{AuditFilter, AuditPage};
use crate::storage::repository::RepositoryError;

const COLUMNS: &str = "id, actor, actor_kind, address, action, job_id, queue, jobs, outcome, operation_id";
pub(super) const RECORD: &[Kind] = &[
    Kind::Uuid,
    Kind::Text,
    Kind::Small,
    Kind::TextOrNull,
    Kind::Small,
    Kind::UuidOrNull,
    Kind::TextOrNull,
    Kind::Big,
    Kind::Small,
    Kind::UuidOrNull,
];

/// The statement that adds records, by rows of `RECORD`. A row without an id fills up the source.
pub(super) fn record_sql(source: &str) -> String {
    format!(
        "INSERT INTO audit_records ({COLUMNS}) SELECT * FROM {source} AS v WHERE v.c1 IS NOT NULL \
         ON CONFLICT (id) DO UPDATE SET jobs = audit_records.jobs + excluded.jobs"
    )
}

/// The number of new jobs that a record is about; `None` if its change inserts none.
pub(super) fn new_jobs(commit: &Commit, entry: &AuditEntry) -> Option<u64> {
    match commit.changes.get(entry.change) {
        Some(Change::Job(JobChange::Insert { jobs, idempotency: _ })) if !jobs.is_empty() => {
            u64::try_from(jobs.len()).ok()
        }
        Some(_) | None => None,
    }
}

impl CommitContext<'_> {
    /// Stores the audit records of changes that have had an effect, all of them in one statement. After the fast path, those
    /// of new jobs are stored already.
    pub(super) async fn write_audit(
        &mut self,
        commit: &Commit,
        results: &[ChangeResult],
        is_after_fast_path: bool,
    ) -> Result<(), CommitFailure> {
        let mut rows = Rows::new(RECORD, 0);
        for entry in &commit.audit {
            if is_after_fast_path && new_jobs(commit, entry).is_some() {
                continue;
            }
            if let Some(jobs) = entry.jobs_changed(results) {
                rows.push(record_row(&entry.record, jobs));
            }
        }
        for (change, result) in commit.changes.iter().zip(results) {
            if let (Change::Operation(OperationChange::Step(step)), Ok(Applied::Stepped(stepped))) = (change, result) {
                for record in step.audited(&stepped.results) {
                    rows.push(record_row(record, 1));
                }
            }
        }
        rows.execute(&self.transaction, record_sql).await?;
        Ok(())
    }

    pub(super) async fn prune_audit(&mut self, before: DateTime<Utc>, limit: u32) -> Result<u64, CommitFailure> {
        // The number is part of the text, where a generic plan knows it.
        let sql = format!(
            "DELETE FROM audit_records WHERE id IN \
             (SELECT id FROM audit_records WHERE id < $1 ORDER BY id LIMIT {limit})"
        );
        let values = [AuditId::first_at(before).as_uuid().into()];
        let removed = self
            .transaction
            .execute_raw(Statement::from_sql_and_values(self.backend(), sql, values))
            .await?;
        Ok(removed.rows_affected())
    }
}

impl SeaRepository {
    pub(super) async fn read_audit(
        &self,
        filter: &AuditFilter,
        page: AuditPage,
        connection: &impl ConnectionTrait,
    ) -> Result<Vec<AuditRecord>, RepositoryError> {
        let rows = filtered(filter, page)
            .all(connection)
            .await
            .map_err(|error: DbErr| unavailable(&error))?;
        rows.into_iter().map(record).collect()
    }
}

/// The records that a filter means, the newest first.
fn filtered(filter: &AuditFilter, page: AuditPage) -> Select<audit_record::Entity> {
    let AuditFilter {
        actor,
        action,
        job_id,
        from,
        to,
    } = filter;
    let AuditPage { limit, after } = page;
    let mut select = audit_record::Entity::find();
    if let Some(actor) = actor {
        select = select.filter(audit_record::Column::Actor.eq(&**actor));
    }
    if let Some(job_id) = job_id {
        select = select.filter(audit_record::Column::JobId.eq(job_id.as_uuid()));
    }
    if let Some(action) = action {
        // As literals, so that the planner can use the partial index on everything but the creation of jobs.
        select = select.filter(Expr::cust(format!("action = {}", action.code())));
        if *action != AuditAction::JobCreate {
            select = select.filter(Expr::cust("action <> 0"));
        }
    }
    // The time is in the id.
    if let Some(from) = from {
        select = select.filter(audit_record::Column::Id.gte(AuditId::first_at(*from).as_uuid()));
    }
    if let Some(to) = to {
        select = select.filter(audit_record::Column::Id.lte(AuditId::last_at(*to).as_uuid()));
    }
    if let Some(after) = after {
        select = select.filter(audit_record::Column::Id.lt(after.as_uuid()));
    }
    select
        .order_by(audit_record::Column::Id, Order::Desc)
        .limit(u64::from(limit))
}

pub(super) fn record_row(record: &AuditRecord, jobs: u64) -> [sea_orm::Value; 10] {
    let AuditRecord {
        id,
        actor,
        actor_kind,
        address,
        action,
        target,
        queue,
        // The actual number is known now.
        jobs: _,
        outcome,
        operation,
    } = record;
    [
        id.as_uuid().into(),
        actor.to_string().into(),
        actor_kind.code().into(),
        address.map(|address| address.to_string()).into(),
        action.code().into(),
        target.map(AuditTarget::as_uuid).into(),
        queue.as_ref().map(|queue| queue.as_str().to_owned()).into(),
        i64::try_from(jobs).unwrap_or(i64::MAX).into(),
        outcome.code().into(),
        operation.map(OperationId::as_uuid).into(),
    ]
}

fn record(row: audit_record::Model) -> Result<AuditRecord, RepositoryError> {
    let audit_record::Model {
        id,
        actor,
        actor_kind,
        address,
        action,
        job_id,
        queue,
        jobs,
        outcome,
        operation_id,
    } = row;
    let wrong = |what: &str, code: i16| corrupt(format!("{code} is no {what} of a record of changes"));
    let action = AuditAction::from_code(action).ok_or_else(|| wrong("action", action))?;
    Ok(AuditRecord {
        id: AuditId::from_uuid(id),
        actor: Arc::from(actor),
        actor_kind: CallerKind::from_code(actor_kind).ok_or_else(|| wrong("kind of caller", actor_kind))?,
        address: address
            .map(|text| text.parse().map_err(|_| corrupt(format!("'{text}' is no address"))))
            .transpose()?,
        action,
        target: job_id.map(|id| AuditTarget::from_stored(action, id)),
        queue: queue.map(QueueName::from_stored),
        jobs: u64::try_from(jobs).unwrap_or_default(),
        outcome: AuditOutcome::from_code(outcome).ok_or_else(|| wrong("outcome", outcome))?,
        operation: operation_id.map(OperationId::from_uuid),
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use sea_orm::QueryTrait;

    use super::*;
    use crate::domain::values::id::JobId;
    use crate::storage::sea::SeaOptions;

    #[tokio::test]
    async fn every_filter_is_served_by_an_index_in_its_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let repository = SeaRepository::connect(SeaOptions::new(url)).await.expect("a database");
        repository.migrate_up().await.expect("tables");
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
        let any = AuditFilter::default();
        let page = AuditPage { limit: 51, after: None };
        let next = AuditPage {
            after: Some(AuditId::first_at(now)),
            ..page
        };
        let of_actor = AuditFilter {
            actor: Some(Arc::from("billing")),
            ..any.clone()
        };
        let of_job = AuditFilter {
            job_id: Some(JobId::first_at(now)),
            ..any.clone()
        };
        let of_action = |action| AuditFilter {
            action: Some(action),
            ..any.clone()
        };
        let of_time = AuditFilter {
            from: Some(now - TimeDelta::days(1)),
            to: Some(now),
            ..any.clone()
        };
        for (filter, page, expected) in [
            (&any, page, "SCAN audit_records"),
            (&any, next, "SEARCH audit_records USING PRIMARY KEY (id<?)"),
            (&of_time, page, "SEARCH audit_records USING PRIMARY KEY (id>? AND id<?)"),
            (&of_actor, page, "INDEX audit_records_by_actor (actor=?)"),
            (&of_actor, next, "INDEX audit_records_by_actor (actor=? AND id<?)"),
            (&of_job, page, "INDEX audit_records_by_job (job_id=?)"),
            (
                &of_action(AuditAction::QueuePause),
                page,
                "INDEX audit_records_by_action (action=?)",
            ),
            (&of_action(AuditAction::JobCreate), page, "SCAN audit_records"),
        ] {
            let statement = filtered(filter, page).build(sea_orm::DbBackend::Sqlite);
            let explained = Statement {
                sql: format!("EXPLAIN QUERY PLAN {}", statement.sql),
                ..statement
            };
            let rows = repository.readers().query_all_raw(explained).await.expect("a plan");
            let plan: Vec<String> = rows
                .iter()
                .map(|row| row.try_get("", "detail").expect("a line"))
                .collect();
            // A table that is stored in the order of its key is read from its end: nothing is sorted, and `LIMIT` ends it.
            let plan = plan.join("; ");
            assert!(plan.contains(expected), "{filter:?}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{filter:?}: {plan}");
        }
    }
}
