//! Queues that are known to have a row.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::domain::values::name::QueueName;

/// Time for which a row is known on PostgreSQL, where other nodes may remove it.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// Queues that are known to have a row.
#[derive(Default)]
pub(crate) struct KnownQueues {
    names: HashSet<QueueName>,
    /// Time of the first one.
    since: Option<Instant>,
}

impl KnownQueues {
    /// The names, without outdated ones if other nodes may remove rows.
    pub(super) fn current(&mut self, is_shared: bool) -> &mut HashSet<QueueName> {
        if is_shared && self.since.is_none_or(|since| since.elapsed() > KNOWN_FOR) {
            self.names.clear();
            self.since = Some(Instant::now());
        }
        &mut self.names
    }

    pub(super) fn remove(&mut self, removed: &[QueueName]) {
        self.names.retain(|queue| !removed.contains(queue));
    }
}
