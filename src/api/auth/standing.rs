//! Whether the credentials of an open connection are still accepted.
//!
//! A connection outlives the moment in which its caller was authenticated: its token expires, the key that signed it is
//! removed. So its credentials are checked again every few seconds. This check is neither counted nor throttled: a caller
//! must not be able to keep an expired connection open, or to lose a valid one, by failing elsewhere.

use std::time::{Duration, Instant};

use super::{AuthFailure, Gate, Shown};
use crate::domain::access::caller::Scope;

/// How often the credentials of an open connection are checked.
pub const RECHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The credentials of an open connection.
pub struct Standing {
    gate: Gate,
    shown: Shown,
    /// One of these is needed.
    scopes: &'static [Scope],
    checked_at: Instant,
}

impl Standing {
    /// Credentials that were accepted a moment ago, for a connection that needs one of these scopes.
    pub fn new(gate: Gate, shown: Shown, scopes: &'static [Scope]) -> Self {
        Self {
            gate,
            shown,
            scopes,
            checked_at: Instant::now(),
        }
    }

    /// The connection's caller has shown newer credentials, which were accepted.
    pub fn renew(&mut self, shown: Shown) {
        self.shown = shown;
        self.checked_at = Instant::now();
    }

    /// Why the connection must end, if it must. Cheap to call more often than every [`RECHECK_INTERVAL`].
    pub fn check(&mut self) -> Result<(), String> {
        if self.checked_at.elapsed() < RECHECK_INTERVAL / 2 {
            return Ok(());
        }
        self.checked_at = Instant::now();
        let caller = self.gate.revalidate(&self.shown);
        let caller = caller.map_err(|failure: AuthFailure| failure.detail())?;
        caller.require_any(self.scopes).map_err(|refused| refused.to_string())
    }
}
