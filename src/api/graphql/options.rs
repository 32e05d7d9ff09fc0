//! Options of the GraphQL facade.

use std::time::Duration;

/// How GraphQL works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphQlOptions {
    /// Whether there is GraphQL at all.
    pub enable: bool,
    /// Whether the schema can be asked for, by callers who may read.
    pub introspection: bool,
    /// How deep the fields of a request may be nested.
    pub max_depth: usize,
    /// How complex a request may be: about the number of values in its answer.
    pub max_complexity: usize,
    /// How many aliases a request may have.
    pub max_aliases: usize,
    /// How many requests may be sent together.
    pub max_batch: usize,
    /// How long the text of a query may be, in bytes.
    pub query_bytes_max: usize,
    /// How large the body of a request may be, in bytes.
    pub body_bytes_max: usize,
    /// How large an answer may be, in bytes: that of a request, of a batch, or a message of a subscription.
    pub response_bytes_max: usize,
    /// How long a query or a mutation may take.
    pub timeout: Duration,
    /// How many queries clients may store, to ask for them by their hash; none with 0.
    pub persisted_queries: usize,
    /// How long a client may take to begin, once its WebSocket is open.
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
            body_bytes_max: 1 << 20,
            response_bytes_max: 16 << 20,
            timeout: Duration::from_secs(30),
            persisted_queries: 1_000,
            connection_init_timeout: Duration::from_secs(3),
        }
    }
}
