//! A live or recently live server process or remote worker.

use sea_orm::entity::prelude::*;

/// A row of `nodes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "nodes")]
pub struct Model {
    /// Id of this process.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Display name.
    pub name: String,
    /// Start, in microseconds since 1970, by its own clock.
    pub started_at: i64,
    /// Last heartbeat, by the database's clock.
    pub heartbeat_at: i64,
    /// Expiry of its lease, by the database's clock.
    pub lease_until: i64,
    /// Description of a remote worker by itself, as JSON; NULL for a server.
    pub worker: Option<String>,
    /// The job types that a server has handlers for, as JSON; NULL for a worker, and for a server of an older version.
    pub job_types: Option<String>,
    /// `true` if it starts no new jobs.
    pub draining: bool,
    /// The kind of the caller that a worker belongs to; NULL for a server, and for a worker that older versions
    /// registered.
    pub owner_kind: Option<i16>,
    /// The name of that caller.
    pub owner: Option<String>,
    /// The key of a worker's lease tokens, in hex.
    pub lease_key: Option<String>,
    /// Job types with a handler that a server shares with remote workers, as JSON.
    pub remote_types: Option<String>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
