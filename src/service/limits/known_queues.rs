//! The queues in addition to the configured ones, as far as this node knows them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::charge::Charge;
use crate::domain::values::name::QueueName;

/// Queues in storage, and those that admitted requests are about to store.
#[derive(Default)]
pub(super) struct KnownQueues(Mutex<Known>);

#[derive(Default)]
struct Known {
    stored: HashSet<QueueName>,
    /// Number of admitted requests by the queue that they create.
    admitted: HashMap<QueueName, usize>,
}

impl KnownQueues {
    fn known(&self) -> MutexGuard<'_, Known> {
        // The sets stay consistent if a thread panics while holding the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if storage has all of them.
    pub(super) fn are_stored<'a>(&self, mut queues: impl Iterator<Item = &'a QueueName>) -> bool {
        let known = self.known();
        queues.all(|queue| known.stored.contains(queue))
    }

    /// Replaces the queues in storage.
    pub(super) fn replace(&self, stored: HashSet<QueueName>) {
        self.known().stored = stored;
    }

    /// The queues of admitted requests. Read before the queues in storage, so that none is missing from both.
    pub(super) fn admitted(&self) -> HashSet<QueueName> {
        self.known().admitted.keys().cloned().collect()
    }

    /// Admits new queues.
    pub(super) fn admit(self: &Arc<Self>, names: HashSet<QueueName>, charge: Charge) -> NewQueues {
        let mut known = self.known();
        for name in &names {
            *known.admitted.entry(name.clone()).or_default() += 1;
        }
        drop(known);
        NewQueues {
            known: Arc::clone(self),
            names,
            charge,
        }
    }
}

/// Permission to use new queues, until they are stored.
#[must_use = "the permission ends when it is dropped"]
pub(crate) struct NewQueues {
    known: Arc<KnownQueues>,
    names: HashSet<QueueName>,
    charge: Charge,
}

impl NewQueues {
    /// Keeps the charge: the queues are stored.
    pub(crate) fn stored(mut self) {
        self.charge.keep(self.names.len());
        self.known.known().stored.extend(self.names.iter().cloned());
    }
}

impl Drop for NewQueues {
    fn drop(&mut self) {
        let mut known = self.known.known();
        for name in &self.names {
            if let Some(count) = known.admitted.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    known.admitted.remove(name);
                }
            }
        }
    }
}
