//! The JSON form of the domain's values.

use serde::{Deserialize, Deserializer, Serializer, de};
use tickerq_core::job::priority::Priority;
use tickerq_core::job::status::JobStatus;
use tickerq_core::recurring::RecurringId;
use tickerq_core::values::id::JobId;
use tickerq_core::values::time_span::TimeSpan;

/// A value of the domain that is text in JSON.
pub(crate) trait Wire: Sized {
    fn read(text: &str) -> Result<Self, String>;
}

macro_rules! wire {
    ($($type:ty),*) => {
        $(impl Wire for $type {
            fn read(text: &str) -> Result<Self, String> {
                Self::parse(text).map_err(|error| error.to_string())
            }
        })*
    };
}

wire!(JobId, RecurringId, JobStatus, Priority, TimeSpan);

pub(crate) fn text<'de, D: Deserializer<'de>, T: Wire>(deserializer: D) -> Result<T, D::Error> {
    T::read(&String::deserialize(deserializer)?).map_err(de::Error::custom)
}

pub(crate) fn optional<'de, D: Deserializer<'de>, T: Wire>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| T::read(&text).map_err(de::Error::custom)).transpose()
}

pub(crate) fn list<'de, D: Deserializer<'de>, T: Wire>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts
        .iter()
        .map(|text| T::read(text).map_err(de::Error::custom))
        .collect()
}

pub(crate) fn optional_list<'de, D: Deserializer<'de>, T: Wire>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
    let texts = Option::<Vec<String>>::deserialize(deserializer)?;
    let read = |texts: Vec<String>| texts.iter().map(|text| T::read(text)).collect::<Result<_, _>>();
    texts.map(read).transpose().map_err(de::Error::custom)
}

#[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
pub(crate) fn write_optional<S: Serializer, T: ToString>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.serialize_str(&value.to_string()),
        None => serializer.serialize_none(),
    }
}

#[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
pub(crate) fn write_priority<S: Serializer>(value: &Option<Priority>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(priority) => serializer.serialize_str(priority.as_str()),
        None => serializer.serialize_none(),
    }
}

pub(crate) fn write_list<S: Serializer, T: ToString>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}
