//! Metrics of the facades, for export. Recording never blocks.

pub(crate) mod clients;
pub(crate) mod connections;
pub(crate) mod operations;
pub(crate) mod requests;

use self::clients::Clients;
use self::connections::HttpConnections;
use self::operations::Operations;
use self::requests::Requests;

/// Metrics of the facades.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// HTTP requests.
    pub requests: Requests,
    /// GraphQL operations.
    pub operations: Operations,
    /// Clients of live updates.
    pub clients: Clients,
    /// HTTP connections.
    pub connections: HttpConnections,
}
