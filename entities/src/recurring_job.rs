//! A recurring job.

use sea_orm::entity::prelude::*;

/// A row of `recurring_jobs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "recurring_jobs")]
pub struct Model {
    /// UUID version 7 with the time of creation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Its key, unique; NULL for none.
    pub key: Option<String>,
    /// Display name of it and of its occurrences.
    pub name: String,
    /// Job type of the occurrences, which selects the handler.
    pub job_type: String,
    /// Queue of the occurrences; NULL for the type's.
    pub queue: Option<String>,
    /// JSON text.
    #[sea_orm(column_type = "Text")]
    pub parameters: String,
    /// 0 low, 1 normal, 2 high, 3 critical.
    pub priority: i16,
    /// NULL for the type's.
    pub max_retries: Option<i32>,
    /// In microseconds; NULL for the type's.
    pub timeout: Option<i64>,
    /// In microseconds; NULL for the type's.
    pub retry_delay: Option<i64>,
    /// In microseconds, separated by commas; NULL for the type's.
    pub retry_intervals: Option<String>,
    /// Tags of the occurrences, as a JSON array; NULL for none.
    pub tags: Option<String>,
    /// The cron expression.
    pub cron: String,
    /// An IANA name.
    pub time_zone: String,
    /// In microseconds since 1970.
    pub starts_at: Option<i64>,
    /// In microseconds since 1970.
    pub ends_at: Option<i64>,
    /// `true` if occurrences are created.
    pub is_enabled: bool,
    /// `fire_once`, `skip` or `catch_up`.
    pub misfire_policy: String,
    /// Maximum number of missed occurrences that `catch_up` creates.
    pub catch_up_max: Option<i32>,
    /// 0 allow, 1 skip, 2 queue.
    pub overlap_policy: i16,
    /// The next due time, in microseconds since 1970.
    pub next_run_at: Option<i64>,
    /// The last due time that became an occurrence.
    pub last_run_at: Option<i64>,
    /// Due times that wait for an earlier occurrence to finish, separated by commas; NULL for none.
    pub waiting: Option<String>,
    /// Last change over the API.
    pub updated_at: i64,
    /// Revision: grows with every change.
    pub revision: i32,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
