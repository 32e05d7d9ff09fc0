//! Shutdown signal for long-lived connections.

use tokio_util::sync::CancellationToken;

/// Shutdown signal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shutdown(CancellationToken);

impl Shutdown {
    /// Starts the shutdown and notifies all waiting connections.
    pub(crate) fn begin(&self) {
        self.0.cancel();
    }

    /// True after the start of the shutdown.
    pub(crate) fn has_started(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Completes when the shutdown starts.
    pub(crate) fn started(&self) -> impl Future<Output = ()> + use<> {
        self.0.clone().cancelled_owned()
    }
}
