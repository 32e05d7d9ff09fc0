//! Custom scalars of the schema.
//!
//! Textual scalars keep their text: it is parsed where the field is known, by the parsers of REST, so that an error
//! names the field and the allowed values.

use std::sync::Arc;

use async_graphql::{InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use bytes::Bytes;
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::views::values::{Id, Raw, RawText, Span, Time};

fn text<T: InputType + From<String>>(value: Value) -> InputValueResult<T> {
    if let Value::String(text) = value {
        Ok(T::from(text))
    } else {
        Err(InputValueError::expected_type(value))
    }
}

/// A point in time: see the scalar.
#[derive(Clone, Debug)]
pub(super) enum DateTime {
    /// Text of a request.
    Input(String),
    /// Value of a response.
    Output(Time),
}

impl DateTime {
    /// The text of the value.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Input(text) => text,
            Self::Output(time) => time.to_string(),
        }
    }
}

/// A point in time: RFC 3339 with an offset, such as `2026-01-31T12:00:00Z` or `2026-01-31T13:00:00+01:00`. Responses
/// are in UTC with `Z` and have three or six decimals of a second if they need them.
#[Scalar(name = "DateTime", specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339")]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.clone().into_text())
    }
}

impl From<String> for DateTime {
    fn from(text: String) -> Self {
        Self::Input(text)
    }
}

impl From<Time> for DateTime {
    fn from(time: Time) -> Self {
        Self::Output(time)
    }
}

/// A duration: see the scalar.
#[derive(Clone, Debug)]
pub(super) enum TimeSpan {
    /// Text of a request.
    Input(String),
    /// Value of a response.
    Output(Span),
}

impl TimeSpan {
    /// The text of the value.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Input(text) => text,
            Self::Output(span) => span.to_string(),
        }
    }
}

/// A duration in the format of .NET: `[-][d.]hh:mm:ss[.fffffff]`, so that `00:05:00` is five minutes and `1.00:00:00` a
/// day. Input may also be ISO 8601, such as `PT5M`, or numbers with units, such as `5m`, `1h30m`, `7d` or `500ms`.
#[Scalar(name = "TimeSpan")]
impl ScalarType for TimeSpan {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.clone().into_text())
    }
}

impl From<String> for TimeSpan {
    fn from(text: String) -> Self {
        Self::Input(text)
    }
}

impl From<Span> for TimeSpan {
    fn from(span: Span) -> Self {
        Self::Output(span)
    }
}

/// An id: see the scalar.
#[derive(Clone, Debug)]
pub(super) struct Uuid(pub String);

/// A UUID in any of its usual notations, such as `01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55`. Responses are in lower case
/// with hyphens.
#[Scalar(name = "UUID", specified_by_url = "https://www.rfc-editor.org/rfc/rfc9562")]
impl ScalarType for Uuid {
    fn parse(value: Value) -> InputValueResult<Self> {
        text(value)
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

impl From<String> for Uuid {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<Id> for Uuid {
    fn from(id: Id) -> Self {
        Self(id.to_string())
    }
}

/// Any JSON: see the scalar.
#[derive(Clone, Debug)]
pub(super) struct Json(Value);

/// Any JSON value. Its text is preserved: all digits of numbers and the order of members.
#[Scalar(name = "JSON", specified_by_url = "https://www.rfc-editor.org/rfc/rfc8259")]
impl ScalarType for Json {
    fn parse(value: Value) -> InputValueResult<Self> {
        Ok(Self(value))
    }

    fn to_value(&self) -> Value {
        self.0.clone()
    }
}

impl Json {
    /// A shared text that is valid JSON. It is not copied: one job may occur many times in a response.
    pub(super) fn of_shared(json: Arc<str>) -> Self {
        Self(Value::Binary(Bytes::from_owner(SharedText(json))))
    }

    /// The value as JSON text.
    pub(super) fn raw(&self) -> Result<Box<RawValue>, serde_json::Error> {
        serde_json::value::to_raw_value(&Wire(&self.0))
    }
}

impl From<Raw<'_>> for Json {
    fn from(Raw(json): Raw<'_>) -> Self {
        // Stored JSON was valid when it was stored.
        Self::of_shared(Arc::clone(json.as_arc()))
    }
}

impl From<RawText<'_>> for Json {
    fn from(RawText(json): RawText<'_>) -> Self {
        Self::of_shared(Arc::clone(json))
    }
}

struct SharedText(Arc<str>);

impl AsRef<[u8]> for SharedText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A value as it is serialized: a [`Value::Binary`] is JSON text.
pub(super) struct Wire<'a>(pub &'a Value);

impl Serialize for Wire<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Binary(text) => {
                let raw: &RawValue = serde_json::from_slice(text).map_err(S::Error::custom)?;
                raw.serialize(serializer)
            }
            Value::List(items) => serializer.collect_seq(items.iter().map(Wire)),
            Value::Object(members) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name.as_str(), Wire(value))))
            }
            plain @ (Value::Null | Value::Number(_) | Value::String(_) | Value::Boolean(_) | Value::Enum(_)) => {
                plain.serialize(serializer)
            }
        }
    }
}
