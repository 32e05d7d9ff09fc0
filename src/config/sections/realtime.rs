//! `[realtime]`: live updates over WebSocket and SignalR.

use std::time::Duration;

use crate::api::realtime::RealtimeOptions;
use crate::config::loader::byte_size::ByteSize;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::between;
use crate::domain::values::time_span::TimeSpan;

/// `[realtime]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RealtimeConfig {
    /// The limits and timeouts of connections.
    pub options: RealtimeOptions,
    /// Maximum number of events in a subscriber's buffer before it loses some.
    pub event_buffer: usize,
    /// The time between two samples of the queues' metrics.
    pub queue_metrics_interval: Duration,
    /// The time between two samples of the server's metrics and health.
    pub system_metrics_interval: Duration,
}

/// Maximum of the setting.
const CONNECTIONS_MAX: u32 = 1_000_000;
/// Maximum of the settings.
const SUBSCRIPTIONS_MAX: u32 = 10_000_000;
/// Minimum share of a caller, limited by the number of connections.
const SHARE_MIN: usize = 8;

/// Default number of connections per caller: half of them, so that others remain available.
fn share_of(connections: usize) -> u32 {
    let share = connections.div_ceil(2).max(SHARE_MIN.min(connections));
    u32::try_from(share).unwrap_or(CONNECTIONS_MAX)
}

impl RealtimeConfig {
    pub(crate) fn read(section: &mut Section<'_>, is_api_enabled: bool) -> Self {
        let time = |section: &mut Section<'_>, key, seconds| {
            let range = between(TimeSpan::from_millis(100), TimeSpan::from_secs(3600));
            section.get_if(key, TimeSpan::from_secs(seconds), range)
        };
        let count = |section: &mut Section<'_>, key, default: u32, most| {
            let count = section.get_if(key, default, between(1, most));
            usize::try_from(count).unwrap_or(usize::MAX)
        };
        let ping_interval = time(section, "ping_interval", 15);
        let client_timeout = time(section, "client_timeout", 30);
        // Without a second ping a single late response would end a connection.
        if client_timeout < ping_interval {
            let source = section.source().clone();
            let message = format!(
                "{client_timeout} is shorter than ping_interval, {ping_interval}: every silent client would be disconnected"
            );
            section.error(&source, "client_timeout", message);
        }
        let max_connections = count(section, "max_connections", 10_000, CONNECTIONS_MAX);
        let share = share_of(max_connections);
        Self {
            options: RealtimeOptions {
                enable: section.get("enable", true) && is_api_enabled,
                max_connections,
                max_connections_per_caller: count(section, "max_connections_per_caller", share, CONNECTIONS_MAX),
                max_subscriptions: count(section, "max_subscriptions", 100, 10_000),
                max_subscriptions_per_caller: count(section, "max_subscriptions_per_caller", 2_000, SUBSCRIPTIONS_MAX),
                max_total_subscriptions: count(section, "max_total_subscriptions", 10_000, SUBSCRIPTIONS_MAX),
                message_bytes_max: section
                    .get_if(
                        "max_message_size",
                        ByteSize::kib(32),
                        between(ByteSize::kib(1), ByteSize::mib(16)),
                    )
                    .as_usize(),
                ping_interval: ping_interval.to_std(),
                client_timeout: client_timeout.to_std(),
                handshake_timeout: time(section, "handshake_timeout", 15).to_std(),
            },
            event_buffer: count(section, "event_buffer", 1_024, 1_000_000),
            queue_metrics_interval: time(section, "queue_metrics_interval", 1).to_std(),
            system_metrics_interval: time(section, "system_metrics_interval", 5).to_std(),
        }
    }
}
