//! Logs of failed exports and dropped spans, limited in their rate.

use std::time::Duration;

use opentelemetry_sdk::error::OTelSdkError;
use tokio::time::Instant;
use tracing::{info, warn};

/// Minimum interval of log messages about lost telemetry.
const LOSS_LOG_INTERVAL: Duration = Duration::from_secs(60);

/// Logs failures of a destination: at once, and then at intervals.
#[derive(Default)]
pub(super) struct FailureLog {
    logged_at: Option<Instant>,
}

impl FailureLog {
    pub(super) fn report(&mut self, name: &str, what: &str, error: &OTelSdkError) {
        if self.logged_at.is_none_or(|at| at.elapsed() >= LOSS_LOG_INTERVAL) {
            warn!("exporting {what} to {name} failed: {error}");
            self.logged_at = Some(Instant::now());
        }
    }

    pub(super) fn recovered(&mut self, name: &str, what: &str) {
        if self.logged_at.take().is_some() {
            info!("exporting {what} to {name} recovered");
        }
    }
}

/// Logs dropped spans at intervals.
#[derive(Default)]
pub(super) struct DropLog {
    logged: u64,
    logged_at: Option<Instant>,
}

impl DropLog {
    pub(super) fn report(&mut self, all: u64) {
        if all > self.logged && self.logged_at.is_none_or(|at| at.elapsed() >= LOSS_LOG_INTERVAL) {
            warn!("dropped {} spans (exporter failures or full queue)", all - self.logged);
            self.logged = all;
            self.logged_at = Some(Instant::now());
        }
    }
}
