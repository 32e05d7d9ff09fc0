//! Options of the GraphQL facade.

use std::time::Duration;

/// Options of the GraphQL facade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphQlOptions {
    /// True if the facade is enabled.
    pub enable: bool,
    /// True if callers with the read scope may query the schema.
    pub introspection: bool,
    /// Maximum depth of nested fields.
    pub max_depth: usize,
    /// Maximum complexity of a request: approximately the number of values in its response.
    pub max_complexity: usize,
    /// Maximum number of aliases of a request.
    pub max_aliases: usize,
    /// Maximum number of requests in a batch.
    pub max_batch: usize,
    /// Maximum size of the text of a query, in bytes.
    pub query_bytes_max: usize,
    /// Memory of the documents of all operations and subscriptions that run, in bytes; half of it for one caller.
    pub document_memory: usize,
    /// Maximum size of the body of a request, in bytes.
    pub body_bytes_max: usize,
    /// Maximum size of a response, in bytes: that of a request, of a batch, or of a message of a subscription.
    pub response_bytes_max: usize,
    /// Timeout of a query or a mutation.
    pub timeout: Duration,
    /// Maximum number of persisted queries; 0 disables them.
    pub persisted_queries: usize,
    /// Timeout of a client's `connection_init`, from the opening of its WebSocket.
    pub connection_init_timeout: Duration,
}

impl Default for GraphQlOptions {
    fn default() -> Self {
        Self {
            enable: true,
            introspection: true,
            max_depth: 16,
            max_complexity: 50_000,
            max_aliases: 30,
            max_batch: 10,
            query_bytes_max: 64 << 10,
            document_memory: 256 << 20,
            body_bytes_max: 1 << 20,
            response_bytes_max: 16 << 20,
            timeout: Duration::from_secs(30),
            persisted_queries: 1_000,
            connection_init_timeout: Duration::from_secs(3),
        }
    }
}
