//! Number of jobs by queue, type, status and priority, updated with the jobs, so that reads need not count them.

use sea_orm::entity::prelude::*;

/// A row of `job_counters`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_counters")]
pub struct Model {
    /// Queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// Job type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_type: String,
    /// Status.
    #[sea_orm(primary_key, auto_increment = false)]
    pub status: i16,
    /// Priority.
    #[sea_orm(primary_key, auto_increment = false)]
    pub priority: i16,
    /// Shard: the group of nodes that maintains this row. A count is the sum over all shards; that of one may be
    /// negative.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// Number of jobs.
    pub count: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
