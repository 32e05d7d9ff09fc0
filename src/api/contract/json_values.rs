//! Values in responses: their serialization.

use chrono::{DateTime, Utc};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::domain::values::id::JobId;
use crate::domain::values::json::Json;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::timestamp;

/// Serializes a job's id.
pub(crate) struct Id(pub JobId);

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_uuid().as_hyphenated().encode_lower(&mut [0; 36]))
    }
}

/// Serializes a time.
pub(crate) struct Time(pub DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&timestamp::to_text(self.0))
    }
}

/// Serializes a duration.
pub(crate) struct Span(pub TimeSpan);

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// JSON of callers, which is preserved.
pub(crate) struct Raw<'a>(pub &'a Json);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0.as_str()).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// JSON text of the server.
pub(crate) struct RawText<'a>(pub &'a str);

impl Serialize for RawText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }
}
