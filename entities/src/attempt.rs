//! A finished attempt of a job.

use sea_orm::entity::prelude::*;

/// A row of `attempts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attempts")]
pub struct Model {
    /// The job.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: Uuid,
    /// The attempt's number, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i32,
    /// 2 completed, 3 failed, 4 cancelled, 5 interrupted, 6 lost.
    pub status: i16,
    /// Start, in microseconds since 1970.
    pub started_at: i64,
    /// End, in microseconds since 1970.
    pub ended_at: i64,
    /// Error in one line.
    #[sea_orm(column_type = "Text", nullable)]
    pub error: Option<String>,
    /// Error detail.
    #[sea_orm(column_type = "Text", nullable)]
    pub error_detail: Option<String>,
    /// The node that ran it.
    pub node: Uuid,
}

/// No relations: attempts are read by their job's id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
