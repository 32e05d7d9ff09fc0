//! Failure reasons of attempts by hour, older ones by day.

use sea_orm::entity::prelude::*;

/// A row of `failure_reasons`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "failure_reasons")]
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
    /// The reason, with numbers, ids and quoted values folded.
    #[sea_orm(primary_key, auto_increment = false)]
    pub reason: String,
    /// Shard: the group of nodes that maintains this row.
    #[sea_orm(primary_key, auto_increment = false)]
    pub shard: i16,
    /// Number of failures.
    pub count: i64,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
