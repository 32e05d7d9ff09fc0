//! Changes of one thing, one after the other.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

/// Two things share a turn with this probability to one.
const STRIPES: usize = 64;

/// Serializes changes that were in each other's way. The first try of a change takes no turn: there is seldom another.
#[derive(Clone)]
pub(crate) struct Turns(Arc<[Mutex<()>; STRIPES]>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Mutex::default())))
    }
}

impl Turns {
    /// Waits for the turn of this thing, unless this is the first try.
    pub(crate) async fn take(&self, id: Uuid, tries: usize) -> Option<MutexGuard<'_, ()>> {
        if tries == 0 {
            return None;
        }
        // The last bytes of a UUIDv7 are random.
        let stripe = usize::from(id.as_bytes()[15]) % STRIPES;
        Some(self.0[stripe].lock().await)
    }
}
