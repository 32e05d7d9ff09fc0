//! A server process or a remote worker that lives, or did a moment ago.

use sea_orm::entity::prelude::*;

/// A row of `nodes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "nodes")]
pub struct Model {
    /// Identity of this run of the process.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Display name.
    pub name: String,
    /// Start, in microseconds since 1970, by its own clock.
    pub started_at: i64,
    /// Last heartbeat, by the database's clock.
    pub heartbeat_at: i64,
    /// Until when its jobs are its own, by the database's clock.
    pub lease_until: i64,
    /// Description of a remote worker by itself, as JSON; NULL for a server.
    pub worker: Option<String>,
    /// The job types that a server has handlers for, as JSON; NULL for a worker, and for a server that does not say.
    pub job_types: Option<String>,
    /// `true` if it starts no new jobs.
    pub draining: bool,
    /// The kind of the caller that a worker belongs to; NULL for a server, and for a worker that older versions registered.
    pub owner_kind: Option<i16>,
    /// The name of that caller.
    pub owner: Option<String>,
    /// The key of a worker's lease tokens, in hex.
    pub lease_key: Option<String>,
    /// The job types with a handler that a server leaves to remote workers too, as JSON.
    pub remote_types: Option<String>,
}

/// No relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
