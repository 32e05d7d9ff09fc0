//! Values of fields: their parsers, with errors that name the allowed values.

use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, Datelike, Utc};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Unexpected, Visitor};
use serde::{Serialize, Serializer};

use crate::api::strict_json;
use crate::domain::cluster::remote_worker::LogLevel;
use crate::domain::cluster::worker_access::LeaseToken;
use crate::domain::cron::CronExpression;
use crate::domain::job::priority::Priority;
use crate::domain::recurring::misfire::{CatchUpMax, InvalidMisfirePolicy, MisfirePolicy};
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::values::id::JobId;
use crate::domain::values::name::{JobName, JobType, QueueName, RecurringKey, Tag, UniqueKey};
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::time_zone::TimeZoneName;
use crate::domain::values::timestamp;
use crate::service::limits::job_limits::MAX_RETRIES_MAX;

/// A JSON object: a derived structure alone would also accept an array with its fields in their order.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// A value of the domain that is text in JSON.
pub(crate) trait FromText: Sized {
    /// Description of the expected text, for errors.
    const EXPECTED: &'static str;

    /// Parses it, or returns an error message.
    fn from_text(text: &str) -> Result<Self, String>;
}

macro_rules! from_text {
    ($type:ty, $expected:literal, $parse:expr) => {
        impl $crate::api::contract::field_values::FromText for $type {
            const EXPECTED: &'static str = $expected;

            fn from_text(text: &str) -> Result<Self, String> {
                $parse(text).map_err(|error| error.to_string())
            }
        }
    };
}

pub(crate) use from_text;

from_text!(JobType, "the name of a job type", JobType::parse);
from_text!(JobName, "a name", JobName::parse);
from_text!(QueueName, "the name of a queue", QueueName::parse);
from_text!(UniqueKey, "a unique key", UniqueKey::parse);
from_text!(RecurringKey, "a key", RecurringKey::parse);
from_text!(Tag, "a tag", Tag::parse);
from_text!(
    TimeSpan,
    "a duration such as \"00:05:00\", \"PT5M\" or \"5m\"",
    TimeSpan::parse
);
from_text!(
    CronExpression,
    "a cron expression such as \"0 2 * * *\"",
    CronExpression::parse
);
from_text!(
    TimeZoneName,
    "a time zone such as \"Europe/Berlin\"",
    TimeZoneName::parse
);
from_text!(MisfireWord, "fire_once, skip or catch_up", MisfireWord::parse);
from_text!(OverlapPolicy, "allow, skip or queue", OverlapPolicy::parse);
from_text!(JobId, "a job's id", JobId::parse);
from_text!(LeaseToken, "a lease token", LeaseToken::parse);
from_text!(LogLevel, "debug, info, warning or error", parse_level);
from_text!(DateTime<Utc>, "a time such as \"2026-01-31T12:00:00Z\"", parse_time);

fn parse_level(text: &str) -> Result<LogLevel, String> {
    LogLevel::parse(text).ok_or_else(|| {
        let given: String = text.chars().take(64).collect();
        format!("'{given}' is no level; allowed are debug, info, warning and error")
    })
}

/// Parses an RFC 3339 time, with a resolution of one microsecond.
pub(crate) fn parse_time(text: &str) -> Result<DateTime<Utc>, String> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .and_then(|time| DateTime::from_timestamp_micros(time.timestamp_micros()))
        // Other programs do not support year 0 and years after 9999, which an offset can lead to.
        .filter(|time| (1..=9999).contains(&time.year()))
        .ok_or_else(|| {
            let given: String = text.chars().take(64).collect();
            format!(
                "'{given}' is not a time; expected RFC 3339 with an offset, such as 2026-01-31T12:00:00Z or \
                 2026-01-31T13:00:00+01:00"
            )
        })
}

/// A value whose text a client sends, in the format that [`FromText`] parses.
pub(crate) trait ToText {
    /// Its text.
    fn to_text(&self) -> String;
}

macro_rules! to_text {
    ($($type:ty: $text:expr;)+) => {$(
        impl ToText for $type {
            fn to_text(&self) -> String {
                $text(self)
            }
        }
    )+};
}

to_text! {
    JobType: ToString::to_string;
    JobName: ToString::to_string;
    QueueName: ToString::to_string;
    UniqueKey: ToString::to_string;
    RecurringKey: ToString::to_string;
    Tag: ToString::to_string;
    TimeSpan: ToString::to_string;
    CronExpression: ToString::to_string;
    TimeZoneName: ToString::to_string;
    MisfireWord: |word: &MisfireWord| word.0.as_str().to_owned();
    OverlapPolicy: |policy: &OverlapPolicy| policy.as_str().to_owned();
    DateTime<Utc>: |time: &DateTime<Utc>| timestamp::to_text(*time);
}

impl<T: ToText> Serialize for Parsed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_text())
    }
}

/// The name of a misfire policy; the maximum of `catch_up` is in a field of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MisfireWord(MisfirePolicy);

impl MisfireWord {
    fn parse(text: &str) -> Result<Self, InvalidMisfirePolicy> {
        MisfirePolicy::parse(text, CatchUpMax::default()).map(Self)
    }

    /// True for `catch_up`.
    pub(crate) const fn catches_up(self) -> bool {
        self.0.max().is_some()
    }

    /// The policy; `max` applies to `catch_up` only.
    pub(crate) fn with(self, max: Option<CatchUpMax>) -> MisfirePolicy {
        max.map_or(self.0, |max| self.0.with_max(max))
    }
}

/// Maximum number of missed due times for which occurrences are created.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CatchUpCount(pub CatchUpMax);

impl Serialize for CatchUpCount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0.get())
    }
}

impl<'de> Deserialize<'de> for CatchUpCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = i64::deserialize(deserializer)?;
        CatchUpMax::new(number).map(Self).map_err(de::Error::custom)
    }
}

/// A value that was parsed from text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parsed<T>(pub T);

impl<'de, T: FromText> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<T>(PhantomData<T>);

        impl<T: FromText> Visitor<'_> for TextVisitor<T> {
            type Value = Parsed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::from_text(text).map(Parsed).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

/// A priority: its name, or its number in .NET's enum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PriorityValue(pub Priority);

impl Serialize for PriorityValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for PriorityValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PriorityVisitor;

        impl Visitor<'_> for PriorityVisitor {
            type Value = PriorityValue;

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                match strict_json::integer(number) {
                    Some(integer) => self.visit_i64(integer),
                    None => Err(E::invalid_type(Unexpected::Float(number), &self)),
                }
            }

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("low, normal, high or critical, or a number from 0 (low) to 3 (critical)")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let wrong = |_| E::invalid_value(Unexpected::Str(text), &self);
                Priority::parse(text).map(PriorityValue).map_err(wrong)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                let wrong = |_| E::invalid_value(Unexpected::Signed(number), &self);
                Priority::from_code(number).map(PriorityValue).map_err(wrong)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let wrong = || E::invalid_value(Unexpected::Unsigned(number), &self);
                let code = i64::try_from(number)
                    .ok()
                    .and_then(|code| Priority::from_code(code).ok());
                code.map(PriorityValue).ok_or_else(wrong)
            }
        }

        deserializer.deserialize_any(PriorityVisitor)
    }
}

/// Number of retries.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct RetryCount(pub u32);

impl<'de> Deserialize<'de> for RetryCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;

        impl Visitor<'_> for CountVisitor {
            type Value = RetryCount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from 0 to {MAX_RETRIES_MAX}")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                let wrong = |_| E::invalid_value(Unexpected::Unsigned(number), &self);
                u32::try_from(number).map(RetryCount).map_err(wrong)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                let wrong = |_| E::invalid_value(Unexpected::Signed(number), &self);
                u32::try_from(number).map(RetryCount).map_err(wrong)
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Self::Value, E> {
                match strict_json::integer(number) {
                    Some(integer) => self.visit_i64(integer),
                    None => Err(E::invalid_type(Unexpected::Float(number), &self)),
                }
            }
        }

        deserializer.deserialize_any(CountVisitor)
    }
}
