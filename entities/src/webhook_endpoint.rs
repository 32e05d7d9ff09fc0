//! A webhook endpoint.

use sea_orm::entity::prelude::*;

/// A row of `webhook_endpoints`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoints")]
pub struct Model {
    /// A UUID.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What people call it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// What it is told: names and patterns, separated by commas.
    pub events: String,
    /// What deliveries are signed with.
    pub secret: String,
    /// What they are signed with besides.
    pub previous_secret: Option<String>,
    /// Until when, in microseconds since 1970.
    pub previous_until: Option<i64>,
    /// How many retries a delivery may have.
    pub max_retries: i32,
    /// The wait before the first retry, in microseconds.
    pub retry_delay: i64,
    /// 0 configuration, 1 API.
    pub source: i16,
    /// Since when it is told nothing.
    pub disabled_at: Option<i64>,
    /// 1 asked, 2 gone, 3 failing.
    pub disabled_reason: Option<i16>,
    /// Since when it fails.
    pub failing_since: Option<i64>,
    /// When it was created.
    pub created_at: i64,
    /// When somebody changed it last.
    pub updated_at: i64,
    /// Grows with every change that somebody makes.
    pub revision: i32,
    /// Whether it is gone, but for its deliveries.
    pub is_deleted: bool,
    /// The node that sends its deliveries, or did so last.
    pub holder: Option<Uuid>,
    /// Since when no live node's configuration names it.
    pub unnamed_since: Option<i64>,
    /// Whether it is told no new events, because no live node's configuration has named it for too long.
    pub is_retired: bool,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
