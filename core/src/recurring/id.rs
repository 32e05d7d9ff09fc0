//! Ids of recurring jobs.

use std::fmt;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::values::id::{InvalidId, JobId};

/// The id of a recurring job: a UUID version 7, like a job's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecurringId(JobId);

impl RecurringId {
    /// The id of a recurring job that is created at `created_at`; `random` as in [`JobId::new`].
    pub fn new(created_at: DateTime<Utc>, random: u128) -> Self {
        Self(JobId::new(created_at, random))
    }

    /// Parses an id, in any of the usual notations of a UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        JobId::parse(text).map(Self)
    }

    /// The creation time in the id, to the millisecond.
    pub fn created_at(self) -> Option<DateTime<Utc>> {
        self.0.created_at()
    }

    /// An id from storage.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(JobId::from_uuid(uuid))
    }

    /// The id for storage.
    pub const fn as_uuid(self) -> Uuid {
        self.0.as_uuid()
    }
}

impl fmt::Display for RecurringId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RecurringId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
