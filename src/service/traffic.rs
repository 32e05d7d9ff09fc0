//! What facades count of their work, for who exports numbers. They never wait for it.

use super::clients::Clients;
use super::connections::HttpConnections;
use super::operations::Operations;
use super::requests::Requests;

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
