//! Values of views: their serialization.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{AuditId, EndpointId, JobId, NodeId, OperationId};
use crate::domain::values::json::Json;
use crate::domain::values::name::Tag;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::timestamp;

/// An id: a UUID in lower case with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Id(Uuid);

macro_rules! ids {
    ($($type:ty),+) => {$(
        impl From<$type> for Id {
            fn from(id: $type) -> Self {
                Self(id.as_uuid())
            }
        }
    )+};
}

ids!(JobId, RecurringId, NodeId, EndpointId, AuditId, OperationId);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_hyphenated().encode_lower(&mut [0; 36]))
    }
}

/// A point in time: RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub DateTime<Utc>);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&timestamp::to_text(self.0))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&timestamp::to_text(self.0))
    }
}

/// A duration: `[d.]hh:mm:ss[.fffffff]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub TimeSpan);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Durations.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spans<'a>(pub &'a [TimeSpan]);

impl<'a> Spans<'a> {
    /// Each duration.
    pub(crate) fn iter(self) -> impl Iterator<Item = Span> + use<'a> {
        self.0.iter().copied().map(Span)
    }
}

impl Serialize for Spans<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Tags of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tags<'a>(pub &'a [Tag]);

impl<'a> Tags<'a> {
    /// True if there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each tag.
    pub(crate) fn iter(self) -> impl Iterator<Item = &'a str> {
        self.0.iter().map(Tag::as_str)
    }
}

impl Serialize for Tags<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// A value that is its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<T>(pub T);

impl<T: fmt::Display> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// JSON of callers, which is preserved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(pub &'a Json);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0.as_str()).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// JSON text of the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawText<'a>(pub &'a Arc<str>);

impl Serialize for RawText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}
