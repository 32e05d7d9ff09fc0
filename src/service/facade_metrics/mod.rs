//! What facades count of their work, for who exports numbers. They never wait for it.

pub mod clients;
pub mod connections;
pub mod operations;
pub mod requests;

use self::clients::Clients;
use self::connections::HttpConnections;
use self::operations::Operations;
use self::requests::Requests;

/// What facades count.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// Requests over HTTP.
    pub requests: Requests,
    /// GraphQL operations.
    pub operations: Operations,
    /// Clients that are connected for live updates.
    pub clients: Clients,
    /// Connections over HTTP.
    pub connections: HttpConnections,
}
