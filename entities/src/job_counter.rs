//! Number of jobs by queue, type, status and priority, updated with the jobs, so that reads need not count them.

use sea_orm::entity::prelude::*;

/// A row of `job_counters`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_counters")]
pub struct Model {
    /// Of this queue,
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// of this type,
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_type: String,
    /// in this status,
    #[sea_orm(primary_key, auto_increment = false)]
    pub status: i16,
    /// of this priority,
    #[sea_orm(primary_key, auto_increment = false)]
    pub priority: i16,
    /// as counted by this group of nodes: a count is the sum over all, and one of them may be negative.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// so many.
    pub count: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
