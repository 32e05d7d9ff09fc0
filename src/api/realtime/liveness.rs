//! Detects silent clients of WebSockets.

use std::time::{Duration, Instant};

use super::options::RealtimeOptions;

/// Number of ticks per ping interval: a ping is late by at most one tick.
const TICKS_PER_PING: u32 = 3;
/// Delay of a tick after which the connection was blocked, not just late.
const LATE_TICK: Duration = Duration::from_secs(1);

/// Times of the last message and of the last ping.
#[derive(Debug)]
pub(crate) struct Liveness {
    received_at: Instant,
    pinged_at: Instant,
    ticked_at: Instant,
}

/// Action that a tick requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// None.
    Nothing,
    /// Send a ping.
    Ping,
    /// Close the connection: the client was silent for too long.
    End,
}

/// Interval of ticks.
pub(crate) fn tick_interval(options: &RealtimeOptions) -> Duration {
    options.ping_interval / TICKS_PER_PING
}

impl Liveness {
    /// State of a new connection.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            received_at: now,
            pinged_at: now,
            ticked_at: now,
        }
    }

    /// Records a message of the client.
    pub(crate) fn record_message(&mut self, now: Instant) {
        self.received_at = now;
    }

    /// Checks the elapsed time. While the client does not read and its socket is full, its connection does not tick,
    /// and it can't receive a ping: time without ticks does not count, so that the client learns of dropped events.
    pub(crate) fn tick(&mut self, options: &RealtimeOptions, now: Instant) -> Due {
        let interval = tick_interval(options);
        let was_blocked = now.saturating_duration_since(self.ticked_at) > interval * 2 + LATE_TICK;
        self.ticked_at = now;
        if was_blocked {
            self.received_at = now;
            self.pinged_at = now;
            return Due::Ping;
        }
        if now.saturating_duration_since(self.received_at) > options.client_timeout {
            return Due::End;
        }
        if now.saturating_duration_since(self.pinged_at) + interval > options.ping_interval {
            self.pinged_at = now;
            return Due::Ping;
        }
        Due::Nothing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_client_is_pinged_and_then_closed_unless_its_socket_was_full() {
        let options = RealtimeOptions {
            ping_interval: Duration::from_secs(3),
            client_timeout: Duration::from_secs(7),
            ..RealtimeOptions::default()
        };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut liveness = Liveness::new(start);
        let due: Vec<Due> = (1..=8).map(|second| liveness.tick(&options, at(second))).collect();
        use Due::{End, Nothing, Ping};
        assert_eq!(due, [Nothing, Nothing, Ping, Nothing, Nothing, Ping, Nothing, End]);
        let mut blocked = Liveness::new(start);
        assert_eq!(blocked.tick(&options, at(1)), Nothing);
        assert_eq!(blocked.tick(&options, at(40)), Ping, "its socket was full");
        assert_eq!(blocked.tick(&options, at(41)), Nothing);
        blocked.record_message(at(42));
        for second in 42..=49 {
            assert_ne!(blocked.tick(&options, at(second)), End);
        }
        assert_eq!(blocked.tick(&options, at(50)), End);
    }
}
