//! `[realtime]`: live updates over WebSocket and SignalR.

use crate::config::loader::byte_size::ByteSize;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::between;
use crate::domain::values::time_span::TimeSpan;

/// `[realtime]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealtimeConfig {
    /// Whether there are live updates at all.
    pub enable: bool,
    /// How many connections there may be at a time.
    pub max_connections: usize,
    /// How many of them one caller may have: a key, the subject of a token, or an address where callers are not
    /// authenticated.
    pub max_connections_per_caller: usize,
    /// How many subscriptions, or groups, one connection may have.
    pub max_subscriptions: usize,
    /// The greatest message that a client may send.
    pub message_bytes_max: usize,
    /// How many events a client may be behind before it misses some.
    pub events_behind_max: usize,
    /// How often a silent connection is asked whether it lives.
    pub ping_interval: TimeSpan,
    /// How long a client may be silent before its connection is closed.
    pub client_timeout: TimeSpan,
    /// How long a SignalR client may take to say which protocol it speaks.
    pub handshake_timeout: TimeSpan,
    /// The time between two readings of the queues' numbers.
    pub queue_metrics_interval: TimeSpan,
    /// The time between two readings of the server's numbers and health.
    pub system_metrics_interval: TimeSpan,
}

/// The most that may be configured.
const CONNECTIONS_MAX: u32 = 1_000_000;
/// A caller may have so many in any case, if there are.
const SHARE_MIN: usize = 8;

/// The connections that one caller may have by default, of so many: half of them, so that there are always some for others.
fn share_of(connections: usize) -> u32 {
    let share = connections.div_ceil(2).max(SHARE_MIN.min(connections));
    u32::try_from(share).unwrap_or(CONNECTIONS_MAX)
}

impl RealtimeConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let seconds = TimeSpan::from_secs;
        let waits = || between(TimeSpan::from_millis(100), seconds(3600));
        let count = |section: &mut Section<'_>, key, default: u32, most| {
            let count = section.get_if(key, default, between(1, most));
            usize::try_from(count).unwrap_or(usize::MAX)
        };
        let ping_interval = section.get_if("ping_interval", seconds(15), waits());
        let client_timeout = section.get_if("client_timeout", seconds(30), waits());
        // Without a second chance a single late answer would end a connection.
        if client_timeout < ping_interval {
            let source = section.source().clone();
            let message = format!(
                "{client_timeout} is shorter than ping_interval, {ping_interval}: every silent client would be cut off"
            );
            section.error(&source, "client_timeout", message);
        }
        let max_connections = count(section, "max_connections", 10_000, CONNECTIONS_MAX);
        Self {
            enable: section.get("enable", true),
            max_connections,
            max_connections_per_caller: count(
                section,
                "max_connections_per_caller",
                share_of(max_connections),
                CONNECTIONS_MAX,
            ),
            max_subscriptions: count(section, "max_subscriptions", 100, 10_000),
            message_bytes_max: section
                .get_if(
                    "message_bytes_max",
                    ByteSize::kib(32),
                    between(ByteSize::kib(1), ByteSize::mib(16)),
                )
                .as_usize(),
            events_behind_max: count(section, "events_behind_max", 1_024, 1_000_000),
            ping_interval,
            client_timeout,
            handshake_timeout: section.get_if("handshake_timeout", seconds(15), waits()),
            queue_metrics_interval: section.get_if("queue_metrics_interval", seconds(1), waits()),
            system_metrics_interval: section.get_if("system_metrics_interval", seconds(5), waits()),
        }
    }
}
