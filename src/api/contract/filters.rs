//! Filters and pages of lists.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::field_error::FieldError;
use super::field_values::parse_time;
use crate::domain::metrics::time_range::Bound;
use crate::domain::values::name::JobType;
use crate::storage::query::RecurringOrder;

/// Default number of entries on a page.
pub(crate) const LIMIT_DEFAULT: u32 = 50;
/// Maximum number of entries on a page.
pub(crate) const LIMIT_MAX: u32 = 1_000;
/// Maximum limit of a count.
pub(crate) const COUNT_LIMIT_MAX: u64 = 1_000_000;
/// Default number of values of a facet.
pub(crate) const FACET_LIMIT_DEFAULT: u32 = 100;
/// Maximum number of types in a filter.
const TYPES_MAX: usize = 1_000;
/// Maximum length of a search text, in characters.
const SEARCH_LENGTH_MAX: usize = 200;
/// Maximum length of an actor's name in a filter, in characters.
const ACTOR_LENGTH_MAX: usize = 200;

/// A range of times, from `from` to `to`, both included.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimeBounds {
    /// The first time.
    pub(crate) from: Option<DateTime<Utc>>,
    /// The last time.
    pub(crate) to: Option<DateTime<Utc>>,
}

impl TimeBounds {
    /// Rejects an empty range.
    pub(crate) fn check(self) -> Result<(), FieldError> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from > to => {
                let detail = "from is later than to; expected from at or before to";
                Err(FieldError::new("from", detail))
            }
            (_, _) => Ok(()),
        }
    }

    /// Parses the first time; a date stands for its start.
    pub(crate) fn parse_from(text: &str) -> Result<DateTime<Utc>, String> {
        parse_bound(text, NaiveTime::MIN)
    }

    /// Parses the last time; a date stands for its end, the last microsecond, which is the resolution of the storage.
    pub(crate) fn parse_to(text: &str) -> Result<DateTime<Utc>, String> {
        let last = NaiveTime::MIN.overflowing_sub_signed(TimeDelta::microseconds(1)).0;
        parse_bound(text, last)
    }
}

/// Parses types separated by commas. A comma in brackets belongs to a type's name: ``Pair`2[A,B]``.
pub(crate) fn parse_types(text: &str) -> Result<Vec<JobType>, String> {
    let mut open = 0_usize;
    let words = text.split(|character| {
        match character {
            '[' | '<' => open += 1,
            ']' | '>' => open = open.saturating_sub(1),
            _ => {}
        }
        character == ',' && open == 0
    });
    let types = words.map(|word| JobType::parse(word.trim()));
    let types: Vec<JobType> = types.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    check_types(types.len())?;
    Ok(types)
}

/// Rejects more types than a statement should have parameters.
pub(crate) fn check_types(count: usize) -> Result<(), String> {
    if count > TYPES_MAX {
        return Err(format!("{count} types exceed the limit; allowed are up to {TYPES_MAX}"));
    }
    Ok(())
}

/// Parses `true` or `false`. The error names the parameter.
pub(crate) fn parse_flag(name: &str, text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| {
        let given: String = text.chars().take(64).collect();
        format!("{name} is '{given}'; allowed are true and false")
    })
}

/// Parses an order of recurring jobs.
pub(crate) fn parse_recurring_order(text: &str) -> Result<RecurringOrder, String> {
    match text {
        "newest" => Ok(RecurringOrder::NewestFirst),
        "nextRun" => Ok(RecurringOrder::NextRun),
        "name" => Ok(RecurringOrder::Name),
        _ => {
            let given: String = text.chars().take(64).collect();
            Err(format!(
                "'{given}' is not an order of recurring jobs; allowed are newest, nextRun and name"
            ))
        }
    }
}

/// Parses a search text.
pub(crate) fn parse_search(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length > SEARCH_LENGTH_MAX {
        return Err(format!(
            "search has {length} characters; at most {SEARCH_LENGTH_MAX} are allowed"
        ));
    }
    if text.chars().any(char::is_control) {
        return Err("search has a control character; all other characters are allowed".to_owned());
    }
    Ok(text.to_owned())
}

/// Parses a time, or a date, which stands for `time_of_day` of it.
fn parse_bound(text: &str, time_of_day: NaiveTime) -> Result<DateTime<Utc>, String> {
    let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_date && let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(date.and_time(time_of_day).and_utc());
    }
    // A plus sign that was not escaped has become a space: 10:30:00+02:00 arrives as 10:30:00 02:00.
    let restored = match text.rsplit_once(' ') {
        Some((time, offset)) if time.contains(':') && offset.len() == 5 => format!("{time}+{offset}"),
        _ => text.to_owned(),
    };
    parse_time(&restored).map_err(|_| {
        let given: String = text.chars().take(64).collect();
        format!("'{given}' is neither a date such as 2026-01-31 nor a time such as 2026-01-31T12:00:00Z (RFC 3339)")
    })
}

/// Parses a bound of a period.
pub(crate) fn parse_period_bound(text: &str) -> Result<Bound, String> {
    let is_date = text.len() == 10;
    if is_date && let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(Bound::Date(date));
    }
    parse_bound(text, NaiveTime::MIN).map(Bound::Time)
}

/// Parses the name of an actor.
pub(crate) fn parse_actor(text: &str) -> Result<Arc<str>, String> {
    let length = text.chars().count();
    if length > ACTOR_LENGTH_MAX {
        return Err(format!(
            "actor has {length} characters; at most {ACTOR_LENGTH_MAX} are allowed"
        ));
    }
    if text.chars().any(char::is_control) {
        return Err("actor has a control character; all other characters are allowed".to_owned());
    }
    Ok(Arc::from(text))
}
