//! Histograms of run and wait times by job type, by hour, older ones by day.

use sea_orm::entity::prelude::*;

/// A row of `job_time_steps`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_time_steps")]
pub struct Model {
    /// Number of the hour since 1970.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hour: i64,
    /// Queue.
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue: String,
    /// Job type.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_type: String,
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
