//! A job.

use sea_orm::entity::prelude::*;

/// A row of `jobs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    /// UUID version 7 with the time of creation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Display name.
    pub name: String,
    /// Job type, which selects the handler.
    pub job_type: String,
    /// Queue.
    pub queue: String,
    /// 0 low, 1 normal, 2 high, 3 critical.
    pub priority: i16,
    /// 0 pending, 1 running, 2 completed, 3 failed, 4 cancelled.
    pub status: i16,
    /// JSON text.
    #[sea_orm(column_type = "Text")]
    pub parameters: String,
    /// JSON text.
    #[sea_orm(column_type = "Text", nullable)]
    pub result: Option<String>,
    /// Error of the last attempt in one line.
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
    /// Error detail.
    #[sea_orm(column_type = "Text", nullable)]
    pub error_detail: Option<String>,
    /// Due time, in microseconds since 1970.
    pub due_at: i64,
    /// The time that `due_at` was calculated from, unless a caller has set it or the job was due when it was created.
    pub due_from: Option<i64>,
    /// Start of its last attempt.
    pub started_at: Option<i64>,
    /// Time at which it completed, failed permanently or was cancelled.
    pub finished_at: Option<i64>,
    /// Number of attempts that have started.
    pub attempt: i32,
    /// Number of retries among the attempts.
    pub retry_count: i32,
    /// Maximum number of retries.
    pub max_retries: i32,
    /// Delay before the first retry, in microseconds.
    pub retry_delay: i64,
    /// Delays before each retry, in microseconds, separated by commas.
    pub retry_intervals: Option<String>,
    /// Timeout of one attempt, in microseconds.
    pub timeout: i64,
    /// Unique key: at most one unfinished job has it.
    pub unique_key: Option<String>,
    /// Its tags and searchable parameters, as JSON; NULL for none.
    pub labels: Option<String>,
    /// The recurring job of which it is an occurrence.
    pub recurring_id: Option<Uuid>,
    /// Due time of the occurrence.
    pub occurrence_at: Option<i64>,
    /// The `traceparent` of the request that has created it.
    pub trace_parent: Option<String>,
    /// `true` if its cancellation was requested while it was running.
    pub cancel_requested: bool,
    /// The node that runs it, or ran its last attempt.
    pub node: Option<Uuid>,
    /// Revision: grows with every change.
    pub revision: i32,
    /// The node that has claimed the pending job ahead of its start.
    pub claimed_by: Option<Uuid>,
}

/// No relations: what belongs to a job is read by its id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
