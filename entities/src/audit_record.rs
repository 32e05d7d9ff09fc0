//! Audit records: callers and their changes.

use sea_orm::entity::prelude::*;

/// A row of `audit_records`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_records")]
pub struct Model {
    /// UUID version 7 with the time of the change.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The name of the caller's key, or the subject of its token.
    pub actor: String,
    /// Kind of authentication.
    pub actor_kind: i16,
    /// Address of the client.
    pub address: Option<String>,
    /// The action.
    pub action: i16,
    /// The affected job, recurring job, webhook endpoint, worker or node.
    pub job_id: Option<Uuid>,
    /// The affected queue, or the job's queue.
    pub queue: Option<String>,
    /// Number of created, changed or deleted jobs.
    pub jobs: i64,
    /// The outcome.
    pub outcome: i16,
    /// The bulk operation whose step has changed the job.
    pub operation_id: Option<Uuid>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
