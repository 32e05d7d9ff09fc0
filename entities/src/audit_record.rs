//! Audit records: callers and their changes.

use sea_orm::entity::prelude::*;

/// A row of `audit_records`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_records")]
pub struct Model {
    /// A UUID version 7: the time of the change is in it.
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
    /// The job that it was done to.
    pub job_id: Option<Uuid>,
    /// The queue that it was done to, or the job's.
    pub queue: Option<String>,
    /// Number of jobs that were created, changed or removed.
    pub jobs: i64,
    /// The outcome.
    pub outcome: i16,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
