//! The part of an answer to a change that a caller without the scope for reading may see: ids, statuses, and counts of what its
//! own request did. Everything that is not listed here is left out, so a new answer shows nothing by mistake.

use crate::domain::access::caller::{Caller, Scope};

/// The callers that get the whole answer to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disclosure {
    /// Those with the scope for reading: the answer describes jobs, queues or deliveries.
    Readers,
    /// Administrators too: the answer describes settings that only they change.
    Administrators,
    /// All: the answer repeats what a worker has sent, or holds the jobs that it leases.
    AllCallers,
}

impl Disclosure {
    /// Whether this caller gets the whole answer.
    pub(super) fn is_whole_for(self, caller: &Caller) -> bool {
        caller.may(Scope::Read)
            || match self {
                Self::Readers => false,
                Self::Administrators => caller.may(Scope::Admin),
                Self::AllCallers => true,
            }
    }
}

/// Members of REST and fields of GraphQL that every caller may see in the answer to its change. They are plain values.
const PLAIN: &[&str] = &[
    "__typename",
    "clearedFailed",
    "clearedPending",
    "count",
    "created",
    "enabled",
    "hasMore",
    "id",
    "isNew",
    "isReplay",
    "jobId",
    "missing",
    "redelivered",
    "status",
];

/// Members that hold others.
const NESTED: &[&str] = &["job", "jobs", "queue"];

/// Whether every caller may see a plain value of this name.
pub(super) fn is_plain(name: &str) -> bool {
    PLAIN.contains(&name)
}

/// Whether every caller may see what is visible in an object, or a list of objects, of this name.
pub(super) fn is_nested(name: &str) -> bool {
    NESTED.contains(&name)
}
