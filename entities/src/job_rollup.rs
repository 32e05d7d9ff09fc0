//! Outcomes of jobs per 15 minutes.

use sea_orm::entity::prelude::*;

/// A row of `job_rollups`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_rollups")]
pub struct Model {
    /// Number of the 15-minute bucket since 1970.
    #[sea_orm(primary_key, auto_increment = false)]
    pub slot: i64,
    /// Queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// Job type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_type: String,
    /// Shard: the group of nodes that maintains this row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// Attempts that have started.
    pub started: i64,
    /// Jobs that have completed.
    pub completed: i64,
    /// Attempts that have failed.
    pub attempts_failed: i64,
    /// Attempts without an outcome.
    pub abandoned: i64,
    /// Permanently failed jobs.
    pub jobs_failed: i64,
    /// Jobs that were cancelled.
    pub jobs_cancelled: i64,
    /// Total duration of the attempts that completed or failed.
    pub run_micros: i64,
    /// Total wait time of started jobs.
    pub wait_micros: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
