//! Text of a filter: parsed again, it is the same filter.

use std::fmt;

use chrono::{DateTime, Utc};

use super::condition::{Condition, Interval, NodeMatch, Term, TextMatch, TimeMatch};
use super::field::Field;
use super::parser::NONE;
use crate::values::timestamp;

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_negated, condition } = self;
        if *is_negated {
            f.write_str("-")?;
        }
        if let Some(field) = Field::of(condition) {
            f.write_str(&field.name())?;
        }
        match condition {
            Condition::Id(ids) => list(f, ids.iter().map(ToString::to_string)),
            Condition::Status(statuses) => list(f, statuses.iter().map(ToString::to_string)),
            Condition::Priority(priorities) => list(f, priorities.iter().map(ToString::to_string)),
            Condition::Text(_, values) => {
                let contains = values.iter().all(|value| matches!(value, TextMatch::Contains(_)));
                f.write_str(if contains { "~" } else { ":" })?;
                f.write_str(&joined(values.iter().map(text)))
            }
            Condition::Recurring(ids) => list(f, ids.iter().map(or_none)),
            Condition::Fingerprint(fingerprints) => list(f, fingerprints.iter().map(or_none)),
            Condition::Node(nodes) => list(f, nodes.iter().map(node)),
            Condition::Number(_, intervals) => {
                ordered(f, intervals.iter().map(|interval| bounds(interval, u32::to_string)))
            }
            Condition::Time(_, times) => ordered(f, times.iter().map(time)),
            Condition::Duration(intervals) => ordered(
                f,
                intervals.iter().map(|interval| bounds(interval, ToString::to_string)),
            ),
            Condition::Search(text) => f.write_str(&word(text)),
        }
    }
}

fn or_none(value: &Option<impl ToString>) -> String {
    value.as_ref().map_or_else(|| NONE.to_owned(), ToString::to_string)
}

fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(",")
}

fn list(f: &mut fmt::Formatter<'_>, values: impl Iterator<Item = String>) -> fmt::Result {
    write!(f, ":{}", joined(values))
}

/// A value of an ordered field.
enum Printed {
    /// A comparison, with its operator.
    Compared(&'static str, String),
    /// A value, a range or a word.
    Plain(String),
}

/// Values of an ordered field. A single comparison follows the field without a colon.
fn ordered(f: &mut fmt::Formatter<'_>, values: impl Iterator<Item = Printed>) -> fmt::Result {
    let values: Vec<Printed> = values.collect();
    if let [Printed::Compared(operator, value)] = values.as_slice() {
        return write!(f, "{operator}{value}");
    }
    list(
        f,
        values.into_iter().map(|value| match value {
            Printed::Compared(operator, value) => format!("{operator}{value}"),
            Printed::Plain(value) => value,
        }),
    )
}

fn bounds<T: PartialEq>(Interval { from, to }: &Interval<T>, print: impl Fn(&T) -> String) -> Printed {
    match (from, to) {
        (Some(from), Some(to)) if from == to => Printed::Plain(print(from)),
        (Some(from), Some(to)) => Printed::Plain(format!("{}..{}", print(from), print(to))),
        (Some(from), None) => Printed::Compared(">=", print(from)),
        (None, Some(to)) => Printed::Compared("<=", print(to)),
        (None, None) => Printed::Plain("..".to_owned()),
    }
}

fn time(time: &TimeMatch) -> Printed {
    match time {
        TimeMatch::Missing => Printed::Plain(NONE.to_owned()),
        TimeMatch::Within(interval) => bounds(interval, |time: &DateTime<Utc>| timestamp::to_text(*time)),
    }
}

fn text(value: &TextMatch) -> String {
    match value {
        TextMatch::Missing => NONE.to_owned(),
        TextMatch::Is(text) | TextMatch::Contains(text) => plain_or_quoted(text),
        TextMatch::StartsWith(text) if text.is_empty() => "*".to_owned(),
        TextMatch::StartsWith(text) => format!("{}*", plain_or_quoted(text)),
    }
}

fn node(node: &NodeMatch) -> String {
    match node {
        NodeMatch::Missing => NONE.to_owned(),
        NodeMatch::Id(id) => id.to_string(),
        // A name can be an id as well.
        NodeMatch::Name(name) => quoted(name),
    }
}

/// A value, in quotes if it has a meaning of its own otherwise.
fn plain_or_quoted(text: &str) -> String {
    let is_plain = |character: char| {
        character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ':' | '+' | '/' | '@' | '$')
    };
    if !text.is_empty() && text != NONE && text.chars().all(is_plain) {
        return text.to_owned();
    }
    quoted(text)
}

/// A text without a field, in quotes unless it is one word of letters and digits.
fn word(text: &str) -> String {
    let is_word = !text.is_empty()
        && text
            .chars()
            .all(|character| character.is_alphanumeric() || character == '_');
    if is_word { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            _ if character.is_control() => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
