//! Deliveries to webhook endpoints.

use sea_orm::entity::prelude::*;

/// A row of `webhook_deliveries`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_deliveries")]
pub struct Model {
    /// Grows in the order in which a job's events were stored.
    #[sea_orm(primary_key)]
    pub seq: i64,
    /// The endpoint.
    pub endpoint_id: Uuid,
    /// Message id: the same for all endpoints that receive the event.
    pub message_id: Uuid,
    /// The event's name.
    pub event: String,
    /// Time of the event, in microseconds since 1970.
    pub at: i64,
    /// Ordering key: deliveries with the same key are sent in sequence.
    pub lane: Uuid,
    /// The job that it is about.
    pub job_id: Option<Uuid>,
    /// Span context of the event, as a `traceparent`.
    pub trace_parent: Option<String>,
    /// JSON text, before it is signed.
    #[sea_orm(column_type = "Text")]
    pub body: String,
    /// 0 pending, 1 delivered, 2 failed.
    pub status: i16,
    /// Number of attempts since the last request for delivery.
    pub attempts: i32,
    /// Due time of the next attempt.
    pub due_at: i64,
    /// Time of the last attempt.
    pub last_at: Option<i64>,
    /// Duration of the last attempt, in microseconds.
    pub duration: Option<i64>,
    /// Status of the response.
    pub response_status: Option<i64>,
    /// Start of the response's body.
    #[sea_orm(column_type = "Text", nullable)]
    pub response_body: Option<String>,
    /// Error.
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
