//! Timeout and minimum rate of what a client sends or receives.
//!
//! Only time in which the server waits for the client counts: a busy server does not disadvantage it. Bytes make up
//! for past waits, never for future ones: what the system's buffers accept at once gains nothing.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::rt::time::{Instant, Sleep, sleep_until};

/// Maximum time that the server waits for a client without progress.
const TIME: Duration = Duration::from_secs(30);
/// Number of bytes that make up for a second.
const BYTES_PER_SECOND: u64 = 8 * 1024;

/// The wait for one body, or for the reception of one response.
pub(super) struct Pace {
    time: Duration,
    waited: Duration,
    waiting_since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::within(TIME)
    }
}

impl Pace {
    fn within(time: Duration) -> Self {
        Self {
            time,
            waited: Duration::ZERO,
            waiting_since: None,
            timer: None,
        }
    }

    /// Restarts for the next body or response.
    pub(super) fn restart(&mut self) {
        self.waited = Duration::ZERO;
        self.waiting_since = None;
    }

    /// Records progress: the wait for these bytes has ended.
    pub(super) fn moved(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        if self.waited > Duration::ZERO {
            let made_up = Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / BYTES_PER_SECOND);
            self.waited = self.waited.saturating_sub(made_up);
        }
    }

    /// Waits for the client; ready when it has taken too long.
    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let deadline = since + self.time.saturating_sub(self.waited);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use actix_web::rt::time::sleep;

    use super::*;

    /// `true` if the client is too slow within this time.
    async fn is_over(pace: &mut Pace, within: Duration) -> bool {
        tokio::time::timeout(within, poll_fn(|cx| pace.poll_wait(cx)))
            .await
            .is_ok()
    }

    #[actix_web::test]
    async fn bytes_make_up_for_waits_and_time_of_the_server_does_not_count() {
        let millis = Duration::from_millis;
        let mut pace = Pace::within(millis(300));
        assert!(!is_over(&mut pace, millis(100)).await);
        pace.moved(1);
        // The server is busy.
        sleep(millis(500)).await;
        assert!(!is_over(&mut pace, millis(50)).await);
        assert!(is_over(&mut pace, millis(5_000)).await, "one byte gains no time");
        pace.restart();
        pace.moved(1 << 30);
        assert!(!is_over(&mut pace, millis(200)).await);
        pace.moved(1 << 20);
        assert!(!is_over(&mut pace, millis(200)).await, "the wait extends the deadline");
        assert!(is_over(&mut pace, millis(5_000)).await, "at most the wait");
    }
}
