//! What a webhook endpoint is told.

use sea_orm::entity::prelude::*;

/// A row of `webhook_deliveries`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub struct Model {
    /// Grows in the order in which a job's events were stored.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// To whom.
    pub endpoint_id: Uuid,
    /// The same for all endpoints that are told of the event.
    pub message_id: Uuid,
    /// The event's name.
    pub event: String,
    /// When it happened, in microseconds since 1970.
    pub at: i64,
    /// Those of one lane are sent one after the other.
    pub lane: Uuid,
    /// The job that it is about.
    pub job_id: Option<Uuid>,
    /// Where in a trace it happened, as a `traceparent`.
    pub trace_parent: Option<String>,
    /// JSON text, before it is signed.
    #[sea_orm(column_type = "Text")]
    pub body: String,
    /// 0 pending, 1 delivered, 2 failed.
    pub status: i16,
    /// How many attempts were made since it was last asked for.
    pub attempts: i32,
    /// When the next attempt is due.
    pub due_at: i64,
    /// When the last attempt was made.
    pub last_at: Option<i64>,
    /// How long it took, in microseconds.
    pub duration: Option<i64>,
    /// The status of the answer.
    pub response_status: Option<i64>,
    /// The start of the answer's body.
    #[sea_orm(column_type = "Text", nullable)]
    pub response_body: Option<String>,
    /// Why it was no success.
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
