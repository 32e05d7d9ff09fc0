//! Options of live updates.

use std::time::Duration;

/// Options of live updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealtimeOptions {
    /// True if live updates are enabled.
    pub enable: bool,
    /// Maximum number of connections.
    pub max_connections: usize,
    /// Maximum number of connections of one caller.
    pub max_connections_per_caller: usize,
    /// Maximum number of subscriptions, or groups, of one connection.
    pub max_subscriptions: usize,
    /// Maximum number of subscriptions of one caller, over all its connections and protocols.
    pub max_subscriptions_per_caller: usize,
    /// Maximum number of subscriptions of all callers.
    pub max_total_subscriptions: usize,
    /// Maximum size of a client's message, in bytes.
    pub message_bytes_max: usize,
    /// Time of silence after which a client is pinged.
    pub ping_interval: Duration,
    /// Time of silence after which a client's connection is closed.
    pub client_timeout: Duration,
    /// Timeout of a SignalR client's handshake.
    pub handshake_timeout: Duration,
}

impl Default for RealtimeOptions {
    fn default() -> Self {
        Self {
            enable: true,
            max_connections: 10_000,
            max_connections_per_caller: 5_000,
            max_subscriptions: 100,
            max_subscriptions_per_caller: 2_000,
            max_total_subscriptions: 10_000,
            message_bytes_max: 32 * 1024,
            ping_interval: Duration::from_secs(15),
            client_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(15),
        }
    }
}
