//! Settings from the environment and from flags, which override those of the file.
//!
//! `TICKERQ_SERVER__LISTEN` is `server.listen`, `TICKERQ_QUEUES__0__WORKERS` the workers of the first queue. Case
//! matters only in free names: job types, headers, the variables of a command.

use super::source::{ConfigError, Source};
use super::value::{Entry, Table, Value};

const PREFIX: &str = "TICKERQ_";
const SEPARATOR: &str = "__";

/// Variables that are not settings: those that the command handler sets for its children, and those of the client.
const NOT_CONFIGURATION: [&str; 11] = [
    "JOB_ID",
    "JOB_TYPE",
    "JOB_NAME",
    "QUEUE",
    "ATTEMPT",
    "RETRY_COUNT",
    "MAX_RETRIES",
    "SERVER",
    "TOKEN",
    "BASE_PATH",
    "CONFIG",
];

/// Variables of OpenTelemetry that are settings as well, the variable that overrides each, and the key in
/// `[telemetry]`.
const OPENTELEMETRY: [(&str, &str, &str); 2] = [
    ("OTEL_SERVICE_NAME", "TICKERQ_TELEMETRY__SERVICE_NAME", "service_name"),
    (
        "OTEL_RESOURCE_ATTRIBUTES",
        "TICKERQ_TELEMETRY__RESOURCE_ATTRIBUTES",
        "resource_attributes",
    ),
];

/// Prefix of the variables of the test suites.
const TEST_PREFIX: &str = "TEST_";

/// The variables of this process. Invalid UTF-8 becomes a replacement character, which [`overlay`] rejects.
#[expect(clippy::disallowed_methods, reason = "the only reader of the environment")]
pub(crate) fn of_this_process() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    })
}

/// Applies the variables to `root`.
pub(crate) fn overlay(
    root: &mut Table,
    variables: impl IntoIterator<Item = (String, String)>,
    errors: &mut Vec<ConfigError>,
) {
    let mut found: Vec<(Vec<String>, String, String)> = Vec::new();
    let variables: Vec<(String, String)> = variables.into_iter().collect();
    let is_given = |setting: &str| variables.iter().any(|(name, _)| name.eq_ignore_ascii_case(setting));
    for (standard, setting, key) in OPENTELEMETRY {
        let given = variables
            .iter()
            .find(|(name, value)| name == standard && !value.is_empty());
        if let Some((name, value)) = given.filter(|_| !is_given(setting)) {
            let path = vec!["telemetry".to_owned(), key.to_owned()];
            found.push((path, name.clone(), value.clone()));
        }
    }
    for (name, value) in variables {
        let Some(rest) = strip_prefix_ignoring_case(&name, PREFIX) else {
            continue;
        };
        if strip_prefix_ignoring_case(rest, TEST_PREFIX).is_some()
            || NOT_CONFIGURATION.iter().any(|known| known.eq_ignore_ascii_case(rest))
        {
            continue;
        }
        let path = path_of(rest);
        if path.len() < 2 || path.iter().any(String::is_empty) {
            errors.push(ConfigError::whole(
                &name,
                "unknown setting; the form is TICKERQ_SECTION__KEY, such as TICKERQ_SERVER__LISTEN",
            ));
        } else if value.contains(char::REPLACEMENT_CHARACTER) {
            errors.push(ConfigError::whole(&name, "its value is not UTF-8"));
        } else {
            found.push((path, name, value));
        }
    }
    // The environment has no order. Parents precede their members, and item 2 precedes item 10.
    found.sort_by_cached_key(|(path, name, _)| {
        let key: Vec<_> = path
            .iter()
            .map(|part| (part.parse::<usize>().ok(), part.clone()))
            .collect();
        (key, name.clone())
    });
    for (path, name, value) in found {
        let source = Source::Environment(name);
        let value = Value::from_text(&value, &source);
        set(root, &path, Entry { source, value }, errors);
    }
}

/// Applies a flag to `root`. `key` is a path such as `server.listen`.
pub(crate) fn overlay_flag(
    root: &mut Table,
    flag: &'static str,
    key: &str,
    value: &str,
    errors: &mut Vec<ConfigError>,
) {
    let source = Source::Flag(flag);
    let value = Value::from_text(value, &source);
    let path: Vec<String> = key.split('.').map(str::to_owned).collect();
    set(root, &path, Entry { source, value }, errors);
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// The parts of a variable's name, in lower case except for free names.
fn path_of(rest: &str) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    for part in rest.split(SEPARATOR) {
        let chosen_by_people = match path.as_slice() {
            [section] => section == "job_types",
            [section, ..] => {
                section == "job_types"
                    && path
                        .last()
                        .is_some_and(|parent| parent == "headers" || parent == "environment")
            }
            [] => false,
        };
        path.push(if chosen_by_people {
            part.to_owned()
        } else {
            part.to_ascii_lowercase()
        });
    }
    path
}

fn set(table: &mut Table, path: &[String], entry: Entry, errors: &mut Vec<ConfigError>) {
    match path {
        [] => {}
        [key] => table.set(key, entry),
        [key, rest @ ..] => {
            if table.get(key).is_none() {
                let value = if rest.first().is_some_and(|part| part.parse::<usize>().is_ok()) {
                    Value::Array(Vec::new())
                } else {
                    Value::Table(Table::default())
                };
                let source = entry.source.clone();
                table.set(key, Entry { source, value });
            }
            if let Some((_, inner)) = table.members.iter_mut().find(|(name, _)| name == key) {
                set_within(inner, rest, entry, errors);
            }
        }
    }
}

fn set_within(outer: &mut Entry, path: &[String], entry: Entry, errors: &mut Vec<ConfigError>) {
    // A value given as text, `{ … }` or `[ … ]`, is parsed before a part of it is replaced.
    if let Value::Text { as_toml, .. } = &mut outer.value
        && let Some(value) = as_toml.take()
    {
        outer.value = *value;
    }
    match &mut outer.value {
        Value::Table(table) => set(table, path, entry, errors),
        Value::Array(items) => {
            let count = items.len();
            let index = path.first().and_then(|part| part.parse::<usize>().ok());
            match index {
                Some(index) if index <= count => {
                    let rest = path.get(1..).unwrap_or_default();
                    if index == count {
                        let source = entry.source.clone();
                        let value = Value::Table(Table::default());
                        items.push(Entry { source, value });
                    }
                    match items.get_mut(index) {
                        Some(item) if rest.is_empty() => *item = entry,
                        Some(item) => set_within(item, rest, entry, errors),
                        None => {}
                    }
                }
                Some(_) | None => errors.push(ConfigError::whole(
                    &entry.source,
                    format_args!("the list has {count} items; the number in the name is 0 to {count}"),
                )),
            }
        }
        // A single value, such as handler = "noop", becomes a table.
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Text { .. } => {
            let mut table = Table::default();
            let source = entry.source.clone();
            set(&mut table, path, entry, errors);
            *outer = Entry {
                source,
                value: Value::Table(table),
            };
        }
    }
}
