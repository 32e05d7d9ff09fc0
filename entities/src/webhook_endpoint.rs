//! A webhook endpoint.

use sea_orm::entity::prelude::*;

/// A row of `webhook_endpoints`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoints")]
pub struct Model {
    /// A UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Display name.
    pub name: String,
    /// URL.
    pub url: String,
    /// Subscribed events: names and patterns, separated by commas.
    pub events: String,
    /// Signing secret.
    pub secret: String,
    /// Previous signing secret, while it is valid.
    pub previous_secret: Option<String>,
    /// End of its validity, in microseconds since 1970.
    pub previous_until: Option<i64>,
    /// Maximum number of retries of a delivery.
    pub max_retries: i32,
    /// Delay before the first retry, in microseconds.
    pub retry_delay: i64,
    /// 0 configuration, 1 API.
    pub source: i16,
    /// Time since which it is disabled.
    pub disabled_at: Option<i64>,
    /// 1 by a client, 2 gone, 3 failing.
    pub disabled_reason: Option<i16>,
    /// Time since which it has been failing.
    pub failing_since: Option<i64>,
    /// Creation.
    pub created_at: i64,
    /// Last change over the API.
    pub updated_at: i64,
    /// Revision: grows with every change over the API.
    pub revision: i32,
    /// `true` if it is deleted and only its deliveries remain.
    pub is_deleted: bool,
    /// The node that sends its deliveries, or did so last.
    pub holder: Option<Uuid>,
    /// Time since which no live node's configuration has named it.
    pub unnamed_since: Option<i64>,
    /// `true` if it is retired: no live node's configuration has named it for too long, and it receives no new events.
    pub is_retired: bool,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
