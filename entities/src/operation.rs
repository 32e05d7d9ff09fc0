//! Bulk operations.

use sea_orm::entity::prelude::*;

/// A row of `operations`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operations")]
pub struct Model {
    /// UUID version 7 with the time of the preview.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Kind of the operation.
    pub kind: i16,
    /// New queue of the jobs.
    pub queue: Option<String>,
    /// New priority of the jobs.
    pub priority: Option<i16>,
    /// A retry grants all retries again.
    pub reset_retry_count: bool,
    /// The operation that it undoes.
    pub undoes: Option<Uuid>,
    /// The filter that selects the jobs.
    #[sea_orm(column_type = "Text")]
    pub filter: String,
    /// A note of the caller.
    #[sea_orm(column_type = "Text", nullable)]
    pub note: Option<String>,
    /// Status: 0 for a preview.
    pub status: i16,
    /// Number of jobs that the preview has found.
    pub total: i64,
    /// False if there may be more.
    pub is_exact: bool,
    /// Number of changed jobs.
    pub done: i64,
    /// Number of skipped jobs by reason.
    #[sea_orm(column_type = "Text")]
    pub skipped: String,
    /// The upper bound of the ids of visited jobs.
    pub up_to: Uuid,
    /// The last visited job.
    pub last_job: Option<Uuid>,
    /// Ids of jobs that are visited again.
    #[sea_orm(column_type = "Text")]
    pub again: String,
    /// Number of times that they were.
    pub tries: i32,
    /// Name of the caller's key, or subject of its token.
    pub actor: String,
    /// Kind of authentication.
    pub actor_kind: i16,
    /// Address of the client.
    pub address: Option<String>,
    /// The audit record of its start.
    pub audit_id: Option<Uuid>,
    /// Time of the preview, in microseconds since 1970.
    pub created_at: i64,
    /// End of the grace period.
    pub starts_at: i64,
    /// Start of the first step.
    pub started_at: Option<i64>,
    /// End of the operation.
    pub finished_at: Option<i64>,
    /// The operation that has undone it.
    pub undone_by: Option<Uuid>,
    /// Why it failed.
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
    /// Incremented by every change.
    pub revision: i32,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
