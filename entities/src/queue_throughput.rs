//! How many jobs a queue has completed in each few seconds of the last hours.

use sea_orm::entity::prelude::*;

/// A row of `queue_throughput`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue_throughput")]
pub struct Model {
    /// Which queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// Which time, counted in buckets since 1970.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket: i64,
    /// As counted by this group of nodes.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// How many.
    pub completed: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
