//! Parser of filter texts.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::condition::{Condition, Interval, NodeMatch, Term, TextField, TextMatch, TimeMatch};
use super::field::Field;
use super::invalid::{InvalidFilter, shortened};
use super::scanner::{Operator, Scanner, Written};
use super::values::{Ordered, interval};
use crate::job::priority::Priority;
use crate::job::status::JobStatus;
use crate::metrics::fingerprint::Fingerprint;
use crate::recurring::RecurringId;
use crate::values::id::{JobId, NodeId};
use crate::values::name::{JobType, QueueName};

/// Maximum length of a filter text, in bytes.
pub const FILTER_BYTES_MAX: usize = 8_192;
/// Maximum number of terms.
pub const TERMS_MAX: usize = 32;
/// Maximum number of values of a term.
pub const VALUES_MAX: usize = 100;
/// Maximum length of a text in a filter, in characters.
pub const TEXT_LENGTH_MAX: usize = 200;
/// The value of fields that are empty.
pub(super) const NONE: &str = "none";

/// Parses the terms of a filter. Times such as `-1h` are relative to `now`.
pub(super) fn terms(text: &str, now: DateTime<Utc>) -> Result<Vec<Term>, InvalidFilter> {
    if text.len() > FILTER_BYTES_MAX {
        let position = text
            .char_indices()
            .take_while(|(byte, _)| *byte < FILTER_BYTES_MAX)
            .count();
        let detail = format!(
            "the filter has {} bytes; at most {FILTER_BYTES_MAX} are allowed",
            text.len()
        );
        return Err(InvalidFilter::new(position, detail));
    }
    let mut scanner = Scanner::new(text);
    let mut terms = Vec::new();
    loop {
        scanner.skip_spaces();
        if scanner.peek().is_none() {
            return Ok(terms);
        }
        let start = scanner.position();
        if terms.len() == TERMS_MAX {
            let detail = format!("the filter has more than {TERMS_MAX} terms");
            return Err(InvalidFilter::new(start, detail));
        }
        terms.push(term(&mut scanner, now)?);
    }
}

fn term(scanner: &mut Scanner, now: DateTime<Utc>) -> Result<Term, InvalidFilter> {
    let is_negated = scanner.skip('-');
    let start = scanner.position();
    let condition = match scanner.field_name() {
        Some(name) => {
            let field = Field::parse(&name).map_err(|detail| InvalidFilter::new(start, detail))?;
            condition(scanner, &field, &name, now)?
        }
        None => search(scanner)?,
    };
    if !scanner.is_at_end() {
        let detail = "expected a space between two terms";
        return Err(InvalidFilter::new(scanner.position(), detail));
    }
    Ok(Term { is_negated, condition })
}

/// A text alone. A comma has no meaning in it.
fn search(scanner: &mut Scanner) -> Result<Condition, InvalidFilter> {
    let position = scanner.position();
    let mut text = String::new();
    let mut has_star = false;
    loop {
        let written = scanner.value(false)?;
        text.push_str(&written.text);
        has_star |= written.has_star;
        if written.is_quoted || !scanner.skip(',') {
            break;
        }
        text.push(',');
    }
    if has_star {
        let detail =
            "'*' is not allowed in a text without a field, which is found anywhere; quote it if it contains one";
        return Err(InvalidFilter::new(position, detail));
    }
    checked(&text, position).map(Condition::Search)
}

/// The operator and the values of a field.
fn condition(scanner: &mut Scanner, field: &Field, name: &str, now: DateTime<Utc>) -> Result<Condition, InvalidFilter> {
    let start = scanner.position();
    let not_allowed = |position| {
        let detail = format!(
            "the operator is not allowed for '{}'; allowed: {}",
            shortened(name),
            field.operators()
        );
        Err(InvalidFilter::new(position, detail))
    };
    let Some(first) = scanner.operator() else {
        return not_allowed(start);
    };
    let (mut contains, mut compared) = (false, None);
    match first {
        // An error is a sentence: a part of it is enough.
        Operator::Is => contains = *field == Field::Text(TextField::Error),
        Operator::Contains if field.has_parts() => contains = true,
        Operator::Above | Operator::From | Operator::Below | Operator::To if field.is_ordered() => {
            compared = Some(first);
        }
        Operator::Contains | Operator::Above | Operator::From | Operator::Below | Operator::To => {
            return not_allowed(start);
        }
    }
    let mut values = Vec::new();
    loop {
        let position = scanner.position();
        if values.len() == VALUES_MAX {
            let detail = format!("a term has at most {VALUES_MAX} values");
            return Err(InvalidFilter::new(position, detail));
        }
        let is_type = *field == Field::Text(TextField::Type);
        let comparison = match compared.take() {
            Some(comparison) => Some(comparison),
            None if field.is_ordered() => scanner.comparison(),
            None => None,
        };
        let written = scanner.value(is_type)?;
        if written.text.is_empty() && !written.is_quoted && !written.has_star {
            return Err(InvalidFilter::new(written.position, "a value is missing"));
        }
        values.push((comparison, written));
        if !scanner.skip(',') {
            break;
        }
    }
    typed(field, first, contains, &values, now)
}

type Value = (Option<Operator>, Written);

/// The condition of a field and values.
fn typed(
    field: &Field,
    operator: Operator,
    contains: bool,
    values: &[Value],
    now: DateTime<Utc>,
) -> Result<Condition, InvalidFilter> {
    Ok(match field {
        Field::Id => Condition::Id(each(values, |value| exact(value, JobId::parse))?),
        Field::Status => Condition::Status(each(values, |value| exact(value, JobStatus::parse))?),
        Field::Priority => {
            let mut chosen = Vec::new();
            for (comparison, written) in values {
                let interval = interval::<Priority>(*comparison, written, now)?;
                chosen.extend(
                    Priority::BY_URGENCY
                        .into_iter()
                        .filter(|priority| interval.contains(priority)),
                );
            }
            Condition::Priority(sorted(chosen))
        }
        Field::Text(field) => {
            let values = each(values, |value| {
                if operator == Operator::Is && is_none(value) && may_be_empty(field) {
                    return Ok(TextMatch::Missing);
                }
                text_match(field, contains, value)
            })?;
            Condition::Text(field.clone(), values)
        }
        Field::Recurring => Condition::Recurring(each(values, |value| {
            if is_none(value) {
                return Ok(None);
            }
            exact(value, RecurringId::parse).map(Some)
        })?),
        Field::Fingerprint => Condition::Fingerprint(each(values, |value| {
            if is_none(value) {
                return Ok(None);
            }
            exact(value, Fingerprint::parse).map(Some)
        })?),
        Field::Node => Condition::Node(each(values, |value| {
            if is_none(value) {
                return Ok(NodeMatch::Missing);
            }
            let id = JobId::parse(&value.text)
                .ok()
                .filter(|_| !value.is_quoted && !value.has_star);
            if let Some(id) = id {
                return Ok(NodeMatch::Id(NodeId::from_uuid(id.as_uuid())));
            }
            exact(value, |text| Ok::<_, String>(Arc::<str>::from(text))).map(NodeMatch::Name)
        })?),
        Field::Number(field) => Condition::Number(*field, intervals(values, now)?),
        Field::Time(field) => {
            let mut times = Vec::new();
            for (comparison, written) in values {
                times.push(if comparison.is_none() && is_none(written) {
                    TimeMatch::Missing
                } else {
                    TimeMatch::Within(interval(*comparison, written, now)?)
                });
            }
            Condition::Time(*field, sorted(times))
        }
        Field::Duration => Condition::Duration(intervals(values, now)?),
    })
}

fn intervals<T: Ordered>(values: &[Value], now: DateTime<Utc>) -> Result<Vec<Interval<T>>, InvalidFilter> {
    let intervals = values
        .iter()
        .map(|(comparison, written)| interval(*comparison, written, now));
    intervals.collect::<Result<Vec<_>, _>>().map(sorted)
}

/// The parsed values, each once.
fn each<T: Ord>(
    values: &[Value],
    parse: impl Fn(&Written) -> Result<T, InvalidFilter>,
) -> Result<Vec<T>, InvalidFilter> {
    let parsed: Result<Vec<T>, _> = values.iter().map(|(_, written)| parse(written)).collect();
    parsed.map(sorted)
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    values
}

/// True for the word that stands for an empty field.
fn is_none(written: &Written) -> bool {
    !written.is_quoted && !written.has_star && written.text == NONE
}

/// True for fields that not every job has.
const fn may_be_empty(field: &TextField) -> bool {
    match field {
        TextField::Type | TextField::Queue | TextField::Name => false,
        TextField::Tag | TextField::Unique | TextField::Error | TextField::Parameter(_) => true,
    }
}

/// A value without a star.
fn exact<T, E: ToString>(written: &Written, parse: impl Fn(&str) -> Result<T, E>) -> Result<T, InvalidFilter> {
    if written.has_star {
        let position = written.position + written.text.chars().count();
        return Err(InvalidFilter::new(position, "'*' is not allowed for this field"));
    }
    let text = checked(&written.text, written.position)?;
    parse(&text).map_err(|error| InvalidFilter::new(written.position, error.to_string()))
}

fn text_match(field: &TextField, contains: bool, written: &Written) -> Result<TextMatch, InvalidFilter> {
    let position = written.position;
    if contains {
        return exact(written, |text| Ok::<_, String>(TextMatch::Contains(Arc::from(text))));
    }
    if written.has_star {
        if written.text.is_empty() {
            return Ok(TextMatch::StartsWith(Arc::from("")));
        }
        return checked(&written.text, position).map(TextMatch::StartsWith);
    }
    let text = checked(&written.text, position)?;
    let valid = match field {
        TextField::Type => JobType::parse(&text).map(drop),
        TextField::Queue => QueueName::parse(&text).map(drop),
        TextField::Name | TextField::Tag | TextField::Unique | TextField::Error | TextField::Parameter(_) => Ok(()),
    };
    valid.map_err(|error| InvalidFilter::new(position, error.to_string()))?;
    Ok(TextMatch::Is(text))
}

/// A text of an allowed length without control characters.
fn checked(text: &str, position: usize) -> Result<Arc<str>, InvalidFilter> {
    let length = text.chars().count();
    if text.is_empty() {
        return Err(InvalidFilter::new(position, "the text is empty"));
    }
    if length > TEXT_LENGTH_MAX {
        let detail = format!("the text has {length} characters; at most {TEXT_LENGTH_MAX} are allowed");
        return Err(InvalidFilter::new(position, detail));
    }
    if let Some(place) = text.chars().position(char::is_control) {
        return Err(InvalidFilter::new(
            position + place,
            "a control character is not allowed",
        ));
    }
    Ok(Arc::from(text))
}
