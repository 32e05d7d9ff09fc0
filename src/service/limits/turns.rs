//! Serialisation of concurrent changes of one resource.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

/// Two resources share a lock with a probability of one in this number.
const STRIPES: usize = 64;

/// Serialises changes with conflicts. The first try of a change takes no lock: conflicts are rare.
#[derive(Clone)]
pub(crate) struct Turns(Arc<[Mutex<()>; STRIPES]>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Mutex::default())))
    }
}

impl Turns {
    /// Locks this resource, unless this is the first try.
    pub(crate) async fn take(&self, id: Uuid, tries: usize) -> Option<MutexGuard<'_, ()>> {
        if tries == 0 {
            return None;
        }
        // The last bytes of a UUIDv7 are random.
        let stripe = usize::from(id.as_bytes()[15]) % STRIPES;
        Some(self.0[stripe].lock().await)
    }
}
