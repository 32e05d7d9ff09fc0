//! Activity of each queue by slices of five seconds, for the last hour.

use sea_orm::entity::prelude::*;

/// A row of `activity_slices`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "activity_slices")]
pub struct Model {
    /// Number of the slice since 1970.
    #[sea_orm(primary_key, auto_increment = false)]
    pub slice: i64,
    /// The queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// Shard: the group of nodes that maintains this row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// Number of created jobs.
    pub created: i64,
    /// Number of started attempts.
    pub started: i64,
    /// Number of completed jobs.
    pub completed: i64,
    /// Number of failed attempts.
    pub attempts_failed: i64,
    /// Number of permanently failed jobs.
    pub jobs_failed: i64,
    /// Number of cancelled jobs.
    pub jobs_cancelled: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
