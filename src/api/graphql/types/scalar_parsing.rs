//! Parses input by the parsers of all facades, with errors that name the argument and the allowed values.

use async_graphql::{Error, ID, Result};
use chrono::{DateTime as Time, Utc};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;
use serde_json::value::RawValue;

use super::enums::Priority;
use crate::api::contract::field_values::{FromText, Parsed, PriorityValue};
use crate::api::contract::filters::{TimeBounds, check_types};
use crate::api::graphql::errors;
use crate::api::graphql::scalars::{DateTime, Json, TimeSpan};
use crate::domain::recurring::RecurringId;
use crate::domain::values::id::{EndpointId, JobId, NodeId};
use crate::domain::values::name::{JobType, QueueName, RecurringKey};
use crate::domain::values::time_span::TimeSpan as Span;

/// Path of a value in the arguments.
#[derive(Clone, Debug)]
pub(in super::super) struct Place(String);

impl Place {
    /// The path of the arguments themselves.
    pub(in super::super) const fn arguments() -> Self {
        Self(String::new())
    }

    /// The path of an argument.
    pub(in super::super) fn argument(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The path of an item of an argument that is a list.
    pub(in super::super) fn item(name: &str, index: usize) -> Self {
        Self(format!("{name}.{index}"))
    }

    /// The path as text.
    pub(in super::super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of a field.
    pub(in super::super) fn field(&self, name: &str) -> String {
        if self.0.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.0)
        }
    }

    /// Parses a text.
    pub(super) fn text<T: FromText>(&self, field: &str, text: Option<String>) -> Result<Option<Parsed<T>>> {
        text.map(|text| parse(&self.field(field), &text).map(Parsed))
            .transpose()
    }

    /// Parses a list of texts.
    pub(super) fn texts<T: FromText>(&self, field: &str, texts: Option<Vec<String>>) -> Result<Option<Vec<Parsed<T>>>> {
        let Some(texts) = texts else { return Ok(None) };
        let read = texts.into_iter().enumerate().map(|(index, text)| {
            let place = format!("{}.{index}", self.field(field));
            parse(&place, &text).map(Parsed)
        });
        read.collect::<Result<_>>().map(Some)
    }

    /// Parses a duration.
    pub(in super::super) fn span(&self, field: &str, span: Option<TimeSpan>) -> Result<Option<Parsed<Span>>> {
        self.text(field, span.map(TimeSpan::into_text))
    }

    /// Parses a list of durations.
    pub(super) fn spans(&self, field: &str, spans: Option<Vec<TimeSpan>>) -> Result<Option<Vec<Parsed<Span>>>> {
        let Some(spans) = spans else { return Ok(None) };
        let read = spans.into_iter().enumerate().map(|(index, span)| {
            let place = format!("{}.{index}", self.field(field));
            parse(&place, &span.into_text()).map(Parsed)
        });
        read.collect::<Result<_>>().map(Some)
    }

    /// Parses a point in time.
    pub(in super::super) fn time(&self, field: &str, time: Option<DateTime>) -> Result<Option<Parsed<Time<Utc>>>> {
        self.text(field, time.map(DateTime::into_text))
    }

    /// Parses a number.
    pub(super) fn number<'de, T: Deserialize<'de>>(&self, field: &str, number: Option<i32>) -> Result<Option<T>> {
        let invalid = |error: ValueError| errors::invalid(&self.field(field), &error.to_string());
        let read = |number: i32| T::deserialize(number.into_deserializer()).map_err(invalid);
        number.map(read).transpose()
    }

    /// Parses the times from `from` to `to`.
    pub(super) fn time_bounds(&self, from: Option<DateTime>, to: Option<DateTime>) -> Result<TimeBounds> {
        let bound = |field: &str, time: Option<DateTime>, parse: fn(&str) -> _| {
            time.map(|time| parse_with(&self.field(field), &time.into_text(), parse))
                .transpose()
        };
        let bounds = TimeBounds {
            from: bound("from", from, TimeBounds::parse_from)?,
            to: bound("to", to, TimeBounds::parse_to)?,
        };
        let checked = bounds.check();
        checked.map_err(|error| errors::of_field(&error, self.as_str()))?;
        Ok(bounds)
    }

    /// Parses the job types of the field `type`.
    pub(in super::super) fn job_types(&self, job_types: Option<Vec<String>>) -> Result<Vec<JobType>> {
        let field = self.field("type");
        let job_types = job_types.unwrap_or_default();
        check_types(job_types.len()).map_err(|detail| errors::invalid(&field, &detail))?;
        let job_types = job_types.iter().enumerate();
        job_types
            .map(|(index, text)| parse(&format!("{field}.{index}"), text))
            .collect()
    }

    /// Serializes any JSON as its text.
    pub(super) fn json(&self, field: &str, json: Option<&Json>) -> Result<Option<Box<RawValue>>> {
        let invalid = |error: serde_json::Error| errors::invalid(&self.field(field), &error.to_string());
        json.map(|json| json.raw().map_err(invalid)).transpose()
    }
}

/// Parses a text.
pub(in super::super) fn parse<T: FromText>(field: &str, text: &str) -> Result<T> {
    T::from_text(text).map_err(|detail| {
        let mut error = errors::invalid(field, &detail);
        if let Some(extensions) = error
            .extensions
            .as_mut()
            .filter(|values| values.get("allowed").is_none())
        {
            extensions.set("allowed", T::EXPECTED);
        }
        error
    })
}

/// Parses a value that is not a text in REST, or has a parser of its own there.
pub(in super::super) fn parse_with<T, E: ToString>(
    field: &str,
    text: &str,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T> {
    read(text).map_err(|error| errors::invalid(field, &error.to_string()))
}

/// Parses the id of a job.
pub(in super::super) fn job_id(field: &str, ID(text): &ID) -> Result<JobId> {
    parse_with(field, text, JobId::parse)
}

/// Parses the id of a recurring job.
pub(in super::super) fn recurring_id(field: &str, text: &str) -> Result<RecurringId> {
    parse_with(field, text, RecurringId::parse)
}

/// Parses the key of a recurring job.
pub(in super::super) fn recurring_key(field: &str, text: &str) -> Result<RecurringKey> {
    parse(field, text)
}

/// Parses the id of a webhook endpoint.
pub(in super::super) fn endpoint_id(field: &str, text: &str) -> Result<EndpointId> {
    parse_with(field, text, EndpointId::parse)
}

/// Parses the id of a remote worker.
pub(in super::super) fn worker_id(field: &str, ID(text): &ID) -> Result<NodeId> {
    // The format is that of a job's id.
    parse_with(field, text, JobId::parse).map(|id| NodeId::from_uuid(id.as_uuid()))
}

/// Parses the id of a node.
pub(in super::super) fn node_id(field: &str, id: &ID) -> Result<NodeId> {
    worker_id(field, id)
}

/// Parses the name of a queue.
pub(in super::super) fn queue_name(field: &str, text: &str) -> Result<QueueName> {
    parse(field, text)
}

/// Parses the maximum number of entries of a page.
pub(in super::super) fn count(field: &str, given: Option<i32>, default: u32, max: u32) -> Result<u32, Error> {
    let Some(given) = given else { return Ok(default) };
    let count = u32::try_from(given).ok().filter(|count| (1..=max).contains(count));
    count.ok_or_else(|| errors::invalid(field, &format!("{field} is {given}; allowed are 1 to {max}")))
}

/// Parses the expected revision of an object.
pub(in super::super) fn revision(given: Option<i32>) -> Result<Option<u32>> {
    let read = |given| {
        let detail = || format!("expectedRevision is {given}; allowed are 0 and more");
        u32::try_from(given).map_err(|_| errors::invalid("expectedRevision", &detail()))
    };
    given.map(read).transpose()
}

/// A priority as in REST.
pub(in super::super) fn priority(priority: Option<Priority>) -> Option<PriorityValue> {
    priority.map(|priority| PriorityValue(priority.into()))
}
