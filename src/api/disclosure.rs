//! The part of the response to a change that callers without the read scope receive: ids, statuses, and counts of
//! changes. Members that are not listed here are omitted, so that new responses disclose nothing by mistake.

use crate::domain::access::caller::{Caller, Scope};

/// Callers that receive the complete response to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disclosure {
    /// Callers with the read scope: the response describes jobs, queues or deliveries.
    Readers,
    /// Also callers with the admin scope: the response describes settings that only they change.
    Administrators,
    /// All callers: the response repeats what a worker has sent, or contains its leased jobs.
    AllCallers,
}

impl Disclosure {
    /// True if this caller receives the complete response.
    pub(super) fn is_whole_for(self, caller: &Caller) -> bool {
        caller.may(Scope::Read)
            || match self {
                Self::Readers => false,
                Self::Administrators => caller.may(Scope::Admin),
                Self::AllCallers => true,
            }
    }
}

/// Members of REST and fields of GraphQL with plain values that every caller receives in the response to its change.
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

/// Members that contain others.
const NESTED: &[&str] = &["job", "jobs", "queue"];

/// True if every caller receives a plain value of this name.
pub(super) fn is_plain(name: &str) -> bool {
    PLAIN.contains(&name)
}

/// True if every caller receives the visible members of an object, or a list of objects, of this name.
pub(super) fn is_nested(name: &str) -> bool {
    NESTED.contains(&name)
}
