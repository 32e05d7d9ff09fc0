//! Values that bulk operations have replaced in jobs.

use sea_orm::entity::prelude::*;

/// A row of `operation_items`. A job whose queue and priority are missing was pending.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "operation_items")]
pub struct Model {
    /// The operation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation_id: Uuid,
    /// The job.
    #[sea_orm(primary_key, auto_increment = false)]
    pub job_id: Uuid,
    /// The revision of the job after the change.
    pub revision: i32,
    /// The queue before the change.
    pub queue: Option<String>,
    /// The priority before the change.
    pub priority: Option<i16>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
