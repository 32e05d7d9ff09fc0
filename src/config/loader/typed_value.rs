//! Types of values: parsing, errors and display.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use super::secret::Secret;
use super::source::Source;
use super::value::Value;
use crate::domain::access::ip_network::IpNetwork;
use crate::domain::job::priority::Priority;
use crate::domain::queue::rate_limit::RateLimit;
use crate::domain::values::name::{JobName, JobType, QueueName, RecurringKey, Tag};
use crate::domain::values::ratio::Ratio;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::time_zone::TimeZoneName;

/// The error of a value, and the item in a list.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) item: Option<(usize, Source)>,
    pub(crate) message: String,
    /// The range of the type; a setting may have a narrower one.
    pub(crate) range: Option<String>,
}

impl Wrong {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            item: None,
            message: message.into(),
            range: None,
        }
    }
}

/// A type of value.
pub(crate) trait Setting: Sized {
    /// Parses a value.
    fn read(value: &Value) -> Result<Self, Wrong>;

    /// The value as TOML.
    fn show(&self) -> String;
}

/// A text as a TOML string.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The text of `value`, which must be one and not empty.
pub(crate) fn text(value: &Value) -> Result<&str, Wrong> {
    match value.as_text() {
        Some("") => Err(Wrong::new("must not be empty")),
        Some(text) => Ok(text),
        None => Err(Wrong::new(format!(
            "{} is not a text; write it in quotes",
            value.describe()
        ))),
    }
}

/// One of the names of an enum.
pub(crate) fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, Wrong> {
    let found = value
        .as_text()
        .and_then(|text| words.iter().find(|(word, _)| *word == text));
    found.map(|&(_, meaning)| meaning).ok_or_else(|| {
        let allowed: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        Wrong::new(format!(
            "{} is not allowed; allowed are {}",
            value.describe(),
            allowed.join(", ")
        ))
    })
}

fn whole_number(value: &Value) -> Result<i64, Wrong> {
    match value.typed() {
        Value::Integer(Ok(number)) => Ok(*number),
        Value::Integer(Err(text)) => Err(Wrong::new(format!("{text} is out of range"))),
        other @ (Value::String(_)
        | Value::Text { .. }
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::Table(_)) => Err(Wrong::new(format!("{} is not a whole number", other.describe()))),
    }
}

macro_rules! whole_numbers {
    ($($type:ty: $least:literal to $most:expr),*) => {$(
        impl Setting for $type {
            fn read(value: &Value) -> Result<Self, Wrong> {
                let number = whole_number(value)?;
                let fits = u64::try_from(number).ok().and_then(|number| Self::try_from(number).ok());
                fits.ok_or_else(|| Wrong {
                    item: None,
                    message: format!("{number} is out of range"),
                    range: Some(format!("{} to {}", $least, $most)),
                })
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

whole_numbers!(u32: 0 to u32::MAX, u64: 0 to i64::MAX);

impl Setting for NonZeroU32 {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let number = whole_number(value)?;
        let fits = u32::try_from(number).ok().and_then(Self::new);
        fits.ok_or_else(|| Wrong {
            item: None,
            message: format!("{number} is out of range"),
            range: Some(format!("1 to {}", u32::MAX)),
        })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for bool {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value.typed() {
            Value::Boolean(value) => Ok(*value),
            other @ (Value::String(_)
            | Value::Text { .. }
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_)) => Err(Wrong::new(format!(
                "{} is not allowed; allowed is true or false, without quotes",
                other.describe()
            ))),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for Ratio {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let number = match value.typed() {
            Value::Integer(Ok(number)) => Some(number.to_string()),
            Value::Float(text) => Some(text.replace('_', "")),
            Value::String(_)
            | Value::Text { .. }
            | Value::Integer(Err(_))
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_)
            | Value::Table(_) => None,
        };
        let ratio = number.and_then(|text| text.parse().ok()).and_then(Self::new);
        ratio.ok_or_else(|| {
            Wrong::new(format!(
                "{} is not allowed; allowed is 0 to 1, such as 0.05, with at most six decimal places",
                value.describe()
            ))
        })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn read(value: &Value) -> Result<Self, Wrong> {
        text(value).map(str::to_owned)
    }

    fn show(&self) -> String {
        quoted(self)
    }
}

impl Setting for PathBuf {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let text = text(value)?;
        if text.contains('\0') {
            return Err(Wrong::new("a path must not contain a NUL character"));
        }
        Ok(Self::from(text))
    }

    fn show(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Setting for Secret {
    fn read(value: &Value) -> Result<Self, Wrong> {
        // The usual message would repeat the value.
        match value.as_text() {
            Some("") => Err(Wrong::new("must not be empty")),
            Some(text) => Ok(Self::new(text)),
            None => Err(Wrong::new(format!(
                "{} is not a text; write it in quotes",
                value.kind()
            ))),
        }
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Setting for TimeSpan {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value {
            Value::String(text) | Value::Text { text, .. } | Value::Datetime(text) => {
                Self::parse(text).map_err(|error| Wrong::new(error.to_string()))
            }
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Array(_) | Value::Table(_) => {
                Err(Wrong::new(format!(
                    "{} is not a duration; write \"00:00:30\", \"PT30S\" or \"30s\"",
                    value.describe()
                )))
            }
        }
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Setting for SocketAddr {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let text = text(value)?;
        text.parse().map_err(|_| {
            Wrong::new(format!(
                "{} is not an IP address and a port; write it like 127.0.0.1:5000 or [::1]:5000",
                value.describe()
            ))
        })
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

macro_rules! parsed_from_text {
    ($($type:ty),*) => {$(
        impl Setting for $type {
            fn read(value: &Value) -> Result<Self, Wrong> {
                Self::parse(text(value)?).map_err(|error| Wrong::new(error.to_string()))
            }

            fn show(&self) -> String {
                quoted(&self.to_string())
            }
        }
    )*};
}

parsed_from_text!(
    QueueName,
    JobType,
    JobName,
    RecurringKey,
    RateLimit,
    IpNetwork,
    TimeZoneName,
    Priority,
    Tag
);

impl<T: Setting> Setting for Vec<T> {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let Value::Array(items) = value.typed() else {
            return Err(Wrong::new(format!("{} is not a list; write [ … ]", value.describe())));
        };
        items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                T::read(&item.value).map_err(|wrong| Wrong {
                    item: Some((index, item.source.clone())),
                    ..wrong
                })
            })
            .collect()
    }

    fn show(&self) -> String {
        let items: Vec<String> = self.iter().map(Setting::show).collect();
        format!("[{}]", items.join(", "))
    }
}

/// A condition of a setting beyond its type: [`between`], or a function that returns an error.
pub(crate) trait Check<T> {
    /// Returns the error of an invalid value.
    fn check(&self, value: &T) -> Result<(), String>;

    /// The range of allowed values, if there is one.
    fn range(&self) -> Option<String>;
}

impl<T, F: Fn(&T) -> Result<(), String>> Check<T> for F {
    fn check(&self, value: &T) -> Result<(), String> {
        self(value)
    }

    fn range(&self) -> Option<String> {
        None
    }
}

/// The value must be within a range, see [`between`].
pub(crate) struct Between<T> {
    least: T,
    most: T,
}

/// The value must be at least `least` and at most `most`.
pub(crate) fn between<T>(least: T, most: T) -> Between<T> {
    Between { least, most }
}

impl<T: PartialOrd + std::fmt::Display> Check<T> for Between<T> {
    fn check(&self, value: &T) -> Result<(), String> {
        let Self { least, most } = self;
        if value >= least && value <= most {
            Ok(())
        } else {
            Err(format!("{value} is out of range; allowed is {least} to {most}"))
        }
    }

    fn range(&self) -> Option<String> {
        Some(format!("{} to {}", self.least, self.most))
    }
}

/// Maximum duration of a setting: ten years.
pub(crate) const DURATION_MAX: TimeSpan = TimeSpan::from_secs(3650 * 24 * 3600);
