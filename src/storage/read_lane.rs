//! The origin of a read: the server itself, or a caller.
//!
//! A storage with a limited number of connections reserves some for the server's own reads, and divides the others among
//! callers. The threads of the actors read for the server; every other read is of a caller, known or not.

use std::cell::Cell;

use crate::domain::access::caller::Caller;
use crate::domain::access::caller_key::CallerKey;

/// The origin of a read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadLane {
    /// The server: its actors and its health checks.
    Internal,
    /// A caller. Those that are unknown here have one key, `None`.
    Caller(Option<CallerKey>),
}

thread_local! {
    static IS_INTERNAL: Cell<bool> = const { Cell::new(false) };
}

tokio::task_local! {
    static LANE: ReadLane;
}

impl ReadLane {
    /// The lane of reads that this task makes.
    pub fn current() -> Self {
        LANE.try_with(Self::clone).unwrap_or_else(|_| {
            if IS_INTERNAL.get() {
                Self::Internal
            } else {
                Self::Caller(None)
            }
        })
    }

    /// The lane of this caller.
    pub fn of(caller: &Caller) -> Self {
        Self::Caller(Some(CallerKey::of(caller)))
    }

    /// Polls a read in this lane.
    pub fn sync_scope<T>(&self, poll: impl FnOnce() -> T) -> T {
        LANE.sync_scope(self.clone(), poll)
    }

    /// Reads in this lane.
    pub async fn scope<T>(self, read: impl Future<Output = T>) -> T {
        LANE.scope(self, read).await
    }
}

/// Marks this thread as one of the server's actors.
pub(crate) fn reserve_for_actors() {
    IS_INTERNAL.set(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn threads_of_actors_read_for_the_server_unless_a_lane_is_given() {
        assert_eq!(ReadLane::current(), ReadLane::Caller(None));
        let given = ReadLane::Internal.scope(async { ReadLane::current() }).await;
        assert_eq!(given, ReadLane::Internal);
        let of_actor = std::thread::spawn(|| {
            reserve_for_actors();
            ReadLane::current()
        });
        assert_eq!(of_actor.join().expect("a lane"), ReadLane::Internal);
    }
}
