//! JSON that is passed on as it is.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON value as its text: numbers keep all their digits, objects the order of their members.
///
/// [`Json::parse`] reads it into a type, [`Json::of`] writes one.
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// A value as JSON.
    ///
    /// # Errors
    ///
    /// It cannot be JSON: a map whose keys are not strings.
    pub fn of(value: &impl Serialize) -> serde_json::Result<Self> {
        serde_json::value::to_raw_value(value).map(|raw| Self(raw.into()))
    }

    /// Reads the value.
    ///
    /// # Errors
    ///
    /// It does not fit the type, or the type cannot hold it: `serde_json::Value` has no `1e400` and no half of a
    /// surrogate pair, and of integers beyond 64 bits it keeps the first digits.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_str(self.as_str())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// `true` if it is `null`.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }
}

impl Default for Json {
    /// `null`.
    fn default() -> Self {
        Self(RawValue::NULL.to_owned().into())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The same text.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

/// Compares values, not their texts.
impl PartialEq<Value> for Json {
    fn eq(&self, other: &Value) -> bool {
        self.parse::<Value>().is_ok_and(|value| value == *other)
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        // A value always becomes JSON.
        Self::of(&value).unwrap_or_default()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_is_passed_on_byte_for_byte() {
        for text in [
            r#"{"s":"\ud83d"}"#,
            "1e400",
            "18446744073709551616",
            r#"{"a":1.0,"a":-0}"#,
            "[ 1.10 ]",
        ] {
            let json: Json = serde_json::from_str(text).expect(text);
            assert_eq!(serde_json::to_string(&json).expect(text), text);
        }
    }

    #[test]
    fn a_value_beyond_the_type_is_an_error() {
        let json: Json = serde_json::from_str(r#"{"s":"\ud83d"}"#).expect("JSON");
        assert!(json.parse::<Value>().is_err());
        let json: Json = serde_json::from_str("1e400").expect("JSON");
        assert!(json.parse::<f64>().is_err());
        assert_eq!(Json::from(json!({"a": [1]})), json!({"a": [1]}));
        assert!(Json::default().is_null());
    }
}
