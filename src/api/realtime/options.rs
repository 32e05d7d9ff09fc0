//! Options of live updates.

use std::time::Duration;

/// How live updates work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealtimeOptions {
    /// Whether there are any.
    pub enable: bool,
    /// How many connections there may be at a time.
    pub max_connections: usize,
    /// How many of them one caller may have.
    pub max_connections_per_caller: usize,
    /// How many subscriptions, or groups, one connection may have.
    pub max_subscriptions: usize,
    /// The greatest message that a client may send.
    pub message_bytes_max: usize,
    /// How often a silent connection is asked whether it lives.
    pub ping_interval: Duration,
    /// How long a client may be silent before its connection is closed.
    pub client_timeout: Duration,
    /// How long a SignalR client may take to say which protocol it speaks.
    pub handshake_timeout: Duration,
}

impl Default for RealtimeOptions {
    fn default() -> Self {
        Self {
            enable: true,
            max_connections: 10_000,
            max_connections_per_caller: 5_000,
            max_subscriptions: 100,
            message_bytes_max: 32 * 1024,
            ping_interval: Duration::from_secs(15),
            client_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(15),
        }
    }
}
