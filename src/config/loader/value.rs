//! The tree of values with their sources, before they are interpreted.

use std::path::Path;

use toml::Spanned;
use toml::de::DeValue;

use super::source::Source;

/// A value and its source.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) source: Source,
    pub(crate) value: Value,
}

/// An uninterpreted value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    String(String),
    /// Its decimal text if it is out of range.
    Integer(Result<i64, String>),
    Float(String),
    Boolean(bool),
    /// TOML has times: a duration without quotes, `00:00:30`, is one.
    Datetime(String),
    Array(Vec<Entry>),
    Table(Table),
    /// A value of the environment or of a flag, where everything is text: its reader decides. `as_toml` is the same
    /// text parsed as a TOML value, if it is one.
    Text {
        text: String,
        as_toml: Option<Box<Value>>,
    },
}

/// Keys and values in the order of the source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) members: Vec<(String, Entry)>,
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.members
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, entry)| entry)
    }

    /// Sets `key` to `entry`, replacing a former value.
    pub(crate) fn set(&mut self, key: &str, entry: Entry) {
        match self.members.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = entry,
            None => self.members.push((key.to_owned(), entry)),
        }
    }
}

impl Value {
    /// A value from a source of texts.
    pub(crate) fn from_text(text: &str, source: &Source) -> Self {
        let as_toml = DeValue::parse(text)
            .ok()
            .map(|value| Box::new(from_toml(value.into_inner(), &|_| source.clone())));
        Self::Text {
            text: text.to_owned(),
            as_toml,
        }
    }

    /// The typed value; a text that parses as TOML counts as its parsed value.
    pub(crate) fn typed(&self) -> &Self {
        match self {
            Self::Text {
                as_toml: Some(value), ..
            } => value,
            Self::Text { as_toml: None, .. }
            | Self::String(_)
            | Self::Integer(_)
            | Self::Float(_)
            | Self::Boolean(_)
            | Self::Datetime(_)
            | Self::Array(_)
            | Self::Table(_) => self,
        }
    }

    /// The text of a string, or of any value from a source of texts.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::String(text) | Self::Text { text, .. } => Some(text),
            Self::Integer(_)
            | Self::Float(_)
            | Self::Boolean(_)
            | Self::Datetime(_)
            | Self::Array(_)
            | Self::Table(_) => None,
        }
    }

    /// The value, shortened for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::String(text) | Self::Text { text, .. } => {
                let short: String = text.chars().take(64).collect();
                let more = if short.len() < text.len() { "…" } else { "" };
                format!("'{short}{more}'")
            }
            Self::Integer(Ok(number)) => number.to_string(),
            Self::Integer(Err(text)) | Self::Float(text) | Self::Datetime(text) => text.clone(),
            Self::Boolean(value) => value.to_string(),
            Self::Array(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }

    /// The type of the value, for messages about secrets.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::String(_) | Self::Text { .. } => "text",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Datetime(_) => "a time",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// The tree of a file, or the errors of its TOML with their lines.
pub(crate) fn from_file(path: &Path, text: &str) -> Result<Table, Vec<(usize, String)>> {
    let line_at = |offset: usize| {
        let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
        before.iter().filter(|&&byte| byte == b'\n').count() + 1
    };
    let (table, errors) = toml::de::DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let mut mistakes: Vec<(usize, String)> = errors
            .iter()
            .map(|error| {
                (
                    error.span().map_or(1, |span| line_at(span.start)),
                    error.message().to_owned(),
                )
            })
            .collect();
        mistakes.sort();
        return Err(mistakes);
    }
    let source_at = |offset| Source::File {
        path: path.to_owned(),
        line: line_at(offset),
    };
    Ok(table_from_toml(table.into_inner(), &source_at))
}

type SourceAt<'a> = &'a dyn Fn(usize) -> Source;

fn from_toml(value: DeValue<'_>, source_at: SourceAt<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            Value::Integer(parsed.map_err(|_| number.as_str().to_owned()))
        }
        DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Boolean(value),
        DeValue::Datetime(time) => Value::Datetime(time.to_string()),
        DeValue::Array(items) => Value::Array(
            items
                .into_iter()
                .map(|item| Entry {
                    source: source_at(item.span().start),
                    value: from_toml(item.into_inner(), source_at),
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(table_from_toml(table, source_at)),
    }
}

fn table_from_toml(table: toml::de::DeTable<'_>, source_at: SourceAt<'_>) -> Table {
    let mut members: Vec<(Spanned<_>, Spanned<_>)> = table.into_iter().collect();
    members.sort_by_key(|(key, _)| key.span().start);
    Table {
        members: members
            .into_iter()
            .map(|(key, value)| {
                let entry = Entry {
                    source: source_at(key.span().start),
                    value: from_toml(value.into_inner(), source_at),
                };
                (key.into_inner().into_owned(), entry)
            })
            .collect(),
    }
}
