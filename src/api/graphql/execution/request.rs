//! A request before it is read.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Text of a JSON object.
#[derive(Debug)]
pub(crate) struct ObjectText(pub Box<RawValue>);

impl<'de> Deserialize<'de> for ObjectText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        if text.get().starts_with('{') {
            return Ok(Self(text));
        }
        let excerpt: String = text.get().chars().take(64).collect();
        Err(D::Error::custom(format!("{excerpt} is not an object")))
    }
}

/// A request as clients send it over any transport.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GraphQlRequest {
    /// Text of the document.
    pub query: Option<String>,
    /// Name of the operation to execute.
    pub operation_name: Option<String>,
    /// Values of the variables.
    pub variables: Option<ObjectText>,
    /// Extensions of the request.
    pub extensions: Option<Map<String, Value>>,
}

impl GraphQlRequest {
    /// True if it has a document, or the hash of one.
    pub(crate) fn has_query(&self) -> bool {
        let is_persisted = |extensions: &Map<String, Value>| extensions.contains_key("persistedQuery");
        self.query.is_some() || self.extensions.as_ref().is_some_and(is_persisted)
    }
}
