//! Completed jobs of each queue per time bucket of a few seconds, for the last hours.

use sea_orm::entity::prelude::*;

/// A row of `queue_throughput`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue_throughput")]
pub struct Model {
    /// The queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// Number of the time bucket since 1970.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket: i64,
    /// Shard: the group of nodes that maintains this row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// Number of completed jobs.
    pub completed: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
