//! Re-checks the credentials of open connections.
//!
//! A connection outlives the authentication of its caller: its token expires, the key that signed it is removed. Its
//! credentials are therefore checked again every few seconds. This check is neither counted nor throttled: failures
//! elsewhere must neither keep an expired connection open nor close a valid one.

use std::time::{Duration, Instant};

use super::authenticator::Authenticator;
use super::credentials::Credentials;
use super::failure::AuthFailure;
use crate::domain::access::caller::Scope;

/// Interval of the checks of an open connection.
pub(crate) const RECHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The credentials of an open connection.
pub(crate) struct LiveCredentials {
    authenticator: Authenticator,
    credentials: Credentials,
    /// Scopes of which one is required.
    scopes: &'static [Scope],
    checked_at: Instant,
}

impl LiveCredentials {
    /// Credentials that were just accepted, for a connection that requires one of these scopes.
    pub(crate) fn new(authenticator: Authenticator, credentials: Credentials, scopes: &'static [Scope]) -> Self {
        Self {
            authenticator,
            credentials,
            scopes,
            checked_at: Instant::now(),
        }
    }

    /// Replaces the credentials by newer ones that were accepted.
    pub(crate) fn renew(&mut self, credentials: Credentials) {
        self.credentials = credentials;
        self.checked_at = Instant::now();
    }

    /// The reason why the connection must close, if any. Cheap to call more often than every [`RECHECK_INTERVAL`].
    pub(crate) fn check(&mut self) -> Result<(), String> {
        if self.checked_at.elapsed() < RECHECK_INTERVAL / 2 {
            return Ok(());
        }
        self.checked_at = Instant::now();
        let caller = self.authenticator.revalidate(&self.credentials);
        let caller = caller.map_err(|failure: AuthFailure| failure.detail())?;
        caller.require_any(self.scopes).map_err(|refused| refused.to_string())
    }
}
