//! Identifiers of jobs, server processes (nodes), audit records, bulk operations and webhook endpoints.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{NoContext, Timestamp, Uuid};

use super::timestamp;

/// The id of a job: a UUID version 7 (RFC 9562, section 5.7).
///
/// Its first 48 bits are the job's `createdAt` in milliseconds. Jobs ordered by id are therefore ordered by age, and a
/// filter on the creation time is a range of ids ([`JobId::first_at`], [`JobId::last_at`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Uuid);

/// The text is not a UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not an id; an id is a UUID such as 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
pub struct InvalidId {
    /// The invalid text, cut to a readable length.
    pub given: String,
}

impl JobId {
    /// The id of a job that is created at `created_at`; `random` makes it unique within its millisecond.
    ///
    /// `random` may be a counter within a process: greater values sort later.
    pub fn new(created_at: DateTime<Utc>, random: u128) -> Self {
        Self(version_7(created_at, random))
    }

    /// The smallest id of a job created at or after `time`.
    pub fn first_at(time: DateTime<Utc>) -> Self {
        Self(first_at(time))
    }

    /// The largest id of a job created at or before `time`.
    pub fn last_at(time: DateTime<Utc>) -> Self {
        Self(last_at(time))
    }

    /// Parses an id, in any of the usual notations of a UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId {
            given: text.chars().take(64).collect(),
        })
    }

    /// The creation time in the id, to the millisecond.
    pub fn created_at(self) -> Option<DateTime<Utc>> {
        created_at(self.0)
    }

    /// An id from storage.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id for storage.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

/// A UUID version 7 of this time.
fn version_7(created_at: DateTime<Utc>, random: u128) -> Uuid {
    // 74 bits are free in a version 7 UUID: 12 after the time, 62 after the variant.
    let millis = u128::from(millis(created_at));
    let high = (millis << 80) | (0x7 << 76) | (((random >> 62) & 0xfff) << 64);
    let low = (0b10 << 62) | (random & ((1 << 62) - 1));
    Uuid::from_u128(high | low)
}

/// The smallest UUID version 7 of this time or later.
fn first_at(time: DateTime<Utc>) -> Uuid {
    // Creation times have whole milliseconds: a fraction rounds up to the next one.
    let whole = timestamp::truncate_to_millis(time);
    let first = if whole < time {
        whole + TimeDelta::milliseconds(1)
    } else {
        whole
    };
    Uuid::from_u128(u128::from(millis(first)) << 80)
}

/// The largest UUID version 7 of this time or earlier.
fn last_at(time: DateTime<Utc>) -> Uuid {
    Uuid::from_u128((u128::from(millis(time)) << 80) | ((1 << 80) - 1))
}

/// The time in a UUID version 7.
fn created_at(uuid: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = uuid.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

/// Milliseconds since 1970, which version 7 stores in 48 bits; a time before 1970 counts as 1970.
fn millis(time: DateTime<Utc>) -> u64 {
    u64::try_from(time.timestamp_millis()).unwrap_or(0) & ((1 << 48) - 1)
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id of one run of a server process. A restarted server is a new node, and the jobs of the old one are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Uuid);

impl NodeId {
    /// The id of a node that starts at `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        let (seconds, nanos) = (now.timestamp(), now.timestamp_subsec_nanos());
        Self(Uuid::new_v7(Timestamp::from_unix(
            NoContext,
            u64::try_from(seconds).unwrap_or(0),
            nanos,
        )))
    }

    /// An id from storage.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id for storage.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

/// The id of an audit record: like a [`JobId`], it contains the time and sorts by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuditId(Uuid);

/// The text is not the id of an audit record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not the id of an audit record; an id is a UUID such as 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
pub struct InvalidAuditId {
    /// The invalid text, cut to a readable length.
    pub given: String,
}

impl AuditId {
    /// The id of a record created at `at`; `random` as in [`JobId::new`].
    pub fn new(at: DateTime<Utc>, random: u128) -> Self {
        Self(version_7(at, random))
    }

    /// The smallest id of a record created at or after `time`.
    pub fn first_at(time: DateTime<Utc>) -> Self {
        Self(first_at(time))
    }

    /// The largest id of a record created at or before `time`.
    pub fn last_at(time: DateTime<Utc>) -> Self {
        Self(last_at(time))
    }

    /// Parses an id, in any of the usual notations of a UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidAuditId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidAuditId {
            given: text.chars().take(64).collect(),
        })
    }

    /// The time in the id, to the millisecond.
    pub fn at(self) -> Option<DateTime<Utc>> {
        created_at(self.0)
    }

    /// An id from storage.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id for storage.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for AuditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id of a bulk operation: like a [`JobId`], it contains the time and sorts by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperationId(Uuid);

/// The text is not the id of an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not the id of an operation; an id is a UUID such as 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
pub struct InvalidOperationId {
    /// The invalid text, cut to a readable length.
    pub given: String,
}

impl OperationId {
    /// The id of an operation that is previewed at `at`; `random` as in [`JobId::new`].
    pub fn new(at: DateTime<Utc>, random: u128) -> Self {
        Self(version_7(at, random))
    }

    /// The smallest id of an operation that is previewed at or after `time`.
    pub fn first_at(time: DateTime<Utc>) -> Self {
        Self(first_at(time))
    }

    /// Parses an id, in any of the usual notations of a UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidOperationId> {
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidOperationId {
            given: text.chars().take(64).collect(),
        })
    }

    /// An id from storage.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id for storage.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The id of a webhook endpoint: a UUID. The id of an endpoint created over the API contains its creation time; that of a
/// configured endpoint is derived from its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(Uuid);

impl EndpointId {
    /// The id of an endpoint that is created at `created_at`; `random` as in [`JobId::new`].
    pub fn new(created_at: DateTime<Utc>, random: u128) -> Self {
        Self(version_7(created_at, random))
    }

    /// Parses an id, in any of the usual notations of a UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        JobId::parse(text).map(|id| Self(id.as_uuid()))
    }

    /// An id from storage.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The id for storage.
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn an_id_is_within_the_range_of_its_creation_time(at in 0_i64..4_000_000_000_000, random in any::<u128>()) {
            let created_at = DateTime::from_timestamp_millis(at).expect("in range");
            let id = JobId::new(created_at, random);
            prop_assert_eq!(id.created_at(), Some(created_at));
            prop_assert_eq!(id.as_uuid().get_version_num(), 7);
            prop_assert!(JobId::first_at(created_at) <= id && id <= JobId::last_at(created_at));
            prop_assert!(id < JobId::first_at(created_at + TimeDelta::microseconds(1)));
            prop_assert_eq!(JobId::parse(&id.to_string()), Ok(id));
        }

        #[test]
        fn ids_of_one_millisecond_are_ordered_by_their_counter(a in 0_u128..1 << 74, b in 0_u128..1 << 74) {
            let at = DateTime::UNIX_EPOCH;
            prop_assert_eq!(a.cmp(&b), JobId::new(at, a).cmp(&JobId::new(at, b)));
        }
    }
}
