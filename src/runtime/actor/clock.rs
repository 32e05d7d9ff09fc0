//! The only reader of the time of day and the only source of unique and random values.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::job::retry::Jitter;
use crate::domain::webhooks::endpoint::SigningSecret;
use crate::runtime::cluster::node_lease::steady_now;

/// The time of day. Tests set it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>);

impl Clock {
    /// The system clock.
    #[expect(clippy::disallowed_methods, reason = "all other code reads this clock")]
    pub fn system() -> Self {
        Self(Arc::new(Utc::now))
    }

    /// A clock that returns the result of `now`.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time.
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }

    /// Difference between the time of day and the steady clock. It changes only when one of them is set.
    pub fn ahead_of_steady(&self) -> TimeDelta {
        let steady = TimeDelta::from_std(steady_now()).unwrap_or_default();
        self.now() - DateTime::UNIX_EPOCH - steady
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Generates the free bits of job ids: ascending within a process, unique across processes.
#[derive(Debug)]
pub struct IdSource {
    counter: AtomicU64,
}

impl Default for IdSource {
    fn default() -> Self {
        // Half of the counter's 42 bits remain to count: 2 × 10^12 jobs in one run of the process.
        Self {
            counter: AtomicU64::new(rand::random_range(0..1 << 41)),
        }
    }
}

impl IdSource {
    /// The bits for one id, see [`crate::domain::values::id::JobId::new`].
    pub fn next(&self) -> u128 {
        let count = self.counter.fetch_add(1, Ordering::Relaxed) & ((1 << 42) - 1);
        (u128::from(count) << 32) | u128::from(rand::random::<u32>())
    }
}

/// Draws a secret that can't be guessed.
pub(crate) fn draw_secret() -> SigningSecret {
    let key: [u8; 32] = rand::random();
    SigningSecret::of_key(&key)
}

/// Draws the jitter of one retry.
pub(crate) fn draw_jitter() -> Jitter {
    Jitter::new(rand::random::<f64>())
}
