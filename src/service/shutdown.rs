//! Tells connections that last that the server goes down.

use tokio_util::sync::CancellationToken;

/// Whether the server goes down.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Says that the server goes down. Whoever waits for it is told.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether it goes down.
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Ready when it goes down.
    pub fn begun(&self) -> impl Future<Output = ()> + use<> {
        self.0.clone().cancelled_owned()
    }
}
