//! Histograms of the run and wait times of all jobs, by hour, older ones by day.

use sea_orm::entity::prelude::*;

/// A row of `time_step_totals`: the sum of the rows of `job_time_steps` over all queues and types.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "time_step_totals")]
pub struct Model {
    /// Number of the hour since 1970.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hour: i64,
    /// The measured time: run or wait.
    #[sea_orm(primary_key, auto_increment = false)]
    pub measure: i16,
    /// Bucket of the histogram.
    #[sea_orm(primary_key, auto_increment = false)]
    pub bucket: i16,
    /// Shard: the group of nodes that maintains this row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// Number of measurements.
    pub count: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
