//! Former names of settings.
//!
//! The tree of values is rewritten to the current names before a section is read, so that sections know no former name. A
//! former name is a warning that names the current one; a setting under both of its names is an error.

use super::section::Findings;
use super::source::{ConfigError, Source};
use super::typed_value::quoted;
use super::value::{Entry, Table, Value};

/// The former name of a setting.
pub(crate) struct Alias {
    /// `[].` follows a list of tables.
    pub(crate) former: &'static str,
    pub(crate) current: &'static str,
    conversion: Conversion,
}

/// Conversion of a former value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Conversion {
    /// Unchanged.
    Same,
    /// A table whose members have aliases of their own, applied first; the others are moved unchanged.
    Table,
    /// A ratio instead of percent.
    Ratio,
    /// Three named scopes instead of a list.
    Scopes,
    /// One of three words instead of two booleans, `docs` and `public_docs`.
    Docs,
}

const fn alias(former: &'static str, current: &'static str, conversion: Conversion) -> Alias {
    Alias {
        former,
        current,
        conversion,
    }
}

/// All former names.
pub(crate) const ALIASES: [Alias; 32] = {
    use Conversion::{Docs, Ratio, Same, Scopes, Table};
    [
        alias("server.request_body_bytes_max", "server.max_request_body", Same),
        alias("server.batch_body_bytes_max", "server.max_batch_body", Same),
        alias("api.public_docs", "api.docs", Docs),
        alias("api.required_scopes", "api.scopes", Scopes),
        alias("jobs.parameters_bytes_max", "jobs.max_parameters_size", Same),
        alias("jobs.result_bytes_max", "jobs.max_result_size", Same),
        alias("jobs.batch_jobs_max", "jobs.max_batch_size", Same),
        alias("queue_defaults.workers", "queue_defaults.concurrency", Same),
        alias("queues[].workers", "queues[].concurrency", Same),
        alias("recurring[].catch_up_max", "recurring[].max_catch_up", Same),
        alias("realtime.events_behind_max", "realtime.event_buffer", Same),
        alias("realtime.message_bytes_max", "realtime.max_message_size", Same),
        alias("graphql.query_bytes_max", "graphql.max_query_size", Same),
        alias("graphql.persisted_queries", "graphql.persisted_query_cache_size", Same),
        alias("retention.changes", "retention.change_feed", Same),
        alias("nodes.lease", "cluster.lease_ttl", Same),
        alias("nodes.name", "cluster.node_name", Same),
        alias("nodes", "cluster", Table),
        alias("health.queue_latency_max", "health.max_queue_latency", Same),
        alias("health.failure_percent_max", "health.max_failure_rate", Ratio),
        alias("health.failed_jobs_min", "health.min_failures", Same),
        alias("health.disk_free_percent_min", "health.min_disk_free", Ratio),
        alias("health.wal_size_max", "health.max_wal_size", Same),
        alias("health.clock_skew_max", "health.max_clock_skew", Same),
        alias("health.nodes_lost_told", "health.lost_node_alert_for", Same),
        alias("health.nobody_runs_for", "health.unhandled_type_after", Same),
        alias("health.raise_after", "health.alert_after", Same),
        alias("health.clear_after", "health.resolve_after", Same),
        alias("sync.feed", "change_feed.enable", Same),
        alias("sync.targets", "change_feed.sinks", Same),
        alias("sync", "change_feed", Table),
        alias("telemetry.sample_percent", "telemetry.trace_sample_ratio", Ratio),
    ]
};

/// Replaces former names in `root` by current ones.
pub(crate) fn apply(root: &mut Table, findings: &mut Findings) {
    for Alias {
        former,
        current,
        conversion,
    } in &ALIASES
    {
        match (former.split_once("[]."), current.split_once("[].")) {
            (Some((list, former)), Some((_, current))) => {
                for (index, item) in items_of(root, list).iter_mut().enumerate() {
                    if let Some(table) = table_in(item) {
                        let prefix = format!("{list}[{index}].");
                        rename(table, &prefix, (former, current), *conversion, findings);
                    }
                }
            }
            _ => rename(root, "", (former, current), *conversion, findings),
        }
    }
}

/// Moves a setting of `table`, whose path is `prefix`.
fn rename(
    table: &mut Table,
    prefix: &str,
    (former, current): (&str, &str),
    conversion: Conversion,
    findings: &mut Findings,
) {
    if conversion == Conversion::Docs {
        return rename_docs(table, findings);
    }
    let Some(Entry { source, value }) = remove(table, former) else {
        return;
    };
    let (former, path) = (format!("{prefix}{former}"), format!("{prefix}{current}"));
    if conversion == Conversion::Table
        && let Value::Table(rest) = &value
    {
        for (key, entry) in &rest.members {
            let (former, path) = (format!("{former}.{key}"), format!("{current}.{key}"));
            deprecated(&entry.source, &former, &path, None, findings);
            put(table, &path, &former, &path, entry.clone(), findings);
        }
        return;
    }
    match converted(&value, conversion) {
        Ok(None) => {
            let entry = Entry { source, value };
            deprecated(&entry.source, &former, &path, None, findings);
            put(table, current, &former, &path, entry, findings);
        }
        Ok(Some(value)) => {
            let entry = Entry { source, value };
            deprecated(&entry.source, &former, &path, Some(&entry.value), findings);
            put(table, current, &former, &path, entry, findings);
        }
        Err(message) => findings.errors.push(ConfigError::at(&source, &former, message)),
    }
}

/// `docs` was a boolean for the pages, and `public_docs` one for access without credentials.
fn rename_docs(root: &mut Table, findings: &mut Findings) {
    let public = remove(root, "api.public_docs");
    let pages = find(root, "api.docs").cloned();
    let was_boolean = pages.as_ref().and_then(|entry| as_boolean(&entry.value));
    if let (Some(public), Some(pages), None) = (&public, &pages, was_boolean) {
        both(&public.source, "api.public_docs", "api.docs", &pages.source, findings);
        return;
    }
    let is_public = match &public {
        None => false,
        Some(entry) => match as_boolean(&entry.value) {
            Some(is_public) => is_public,
            None => {
                let message = format!("{} is not allowed; allowed is true or false", entry.value.describe());
                findings
                    .errors
                    .push(ConfigError::at(&entry.source, "api.public_docs", message));
                return;
            }
        },
    };
    let word = match (was_boolean.unwrap_or(true), is_public) {
        (false, _) => "off",
        (true, true) => "public",
        (true, false) => "authenticated",
    };
    let value = Value::String(word.to_owned());
    let former = [
        (pages.filter(|_| was_boolean.is_some()), "api.docs"),
        (public, "api.public_docs"),
    ];
    for (entry, path) in former {
        if let Some(Entry { source, .. }) = entry {
            deprecated(&source, path, "api.docs", Some(&value), findings);
            let value = value.clone();
            set(root, "api.docs", Entry { source, value });
        }
    }
}

/// The current value of a former one, if it differs.
fn converted(value: &Value, conversion: Conversion) -> Result<Option<Value>, String> {
    match (conversion, value.typed()) {
        (Conversion::Same | Conversion::Table | Conversion::Docs, _) => Ok(None),
        (Conversion::Ratio, Value::Integer(Ok(percent @ 0..=100))) => {
            let ratio = f64::from(i32::try_from(*percent).unwrap_or(100)) / 100.0;
            Ok(Some(Value::Float(format!("{ratio:?}"))))
        }
        (Conversion::Ratio, other) => Err(format!("{} is not a whole number from 0 to 100", other.describe())),
        (Conversion::Scopes, Value::Array(names)) if names.len() > 3 => Err(format!(
            "{} scopes are too many; at most three are allowed: read, write and admin, in this order",
            names.len()
        )),
        (Conversion::Scopes, Value::Array(names)) => Ok(Some(Value::Table(scopes(names)))),
        (Conversion::Scopes, other) => Err(format!("{} is not a list; write [ … ]", other.describe())),
    }
}

/// A list had the scopes of reading, writing and administration. A single one applied to writing as well; without
/// any, reading and writing needed none.
fn scopes(names: &[Entry]) -> Table {
    let none = || Entry {
        source: Source::Default,
        value: Value::String(String::new()),
    };
    let read = names.first().cloned().unwrap_or_else(none);
    let write = names.get(1).unwrap_or(&read).clone();
    let mut table = Table::default();
    table.set("read", read);
    table.set("write", write);
    if let Some(admin) = names.get(2) {
        table.set("admin", admin.clone());
    }
    table
}

/// Records that a former name is in use.
fn deprecated(source: &Source, former: &str, path: &str, value: Option<&Value>, findings: &mut Findings) {
    let value = value.map_or_else(String::new, |value| format!(" = {}", toml(value)));
    let variable = match source {
        Source::Environment(_) => format!(" ({})", variable_of(path)),
        Source::File { .. } | Source::Flag(_) | Source::Default => String::new(),
    };
    let message = format!("is deprecated; use {path}{value}{variable}");
    findings.warnings.push(ConfigError::at(source, former, message));
}

/// Puts an entry under its current name, unless that is in use.
fn put(table: &mut Table, key: &str, former: &str, path: &str, entry: Entry, findings: &mut Findings) {
    match find(table, key) {
        Some(other) => both(&entry.source, former, path, &other.source, findings),
        None => set(table, key, entry),
    }
}

fn both(source: &Source, former: &str, path: &str, other: &Source, findings: &mut Findings) {
    let message = format!("is the former name of {path}, which is also set ({other}); remove {former}");
    findings.errors.push(ConfigError::at(source, former, message));
}

/// The environment variable of a path.
fn variable_of(path: &str) -> String {
    let path = path.replace('[', ".").replace(']', "").replace('.', "__");
    format!("TICKERQ_{}", path.to_ascii_uppercase())
}

fn as_boolean(value: &Value) -> Option<bool> {
    match value.typed() {
        Value::Boolean(value) => Some(*value),
        Value::String(_)
        | Value::Text { .. }
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::Table(_) => None,
    }
}

/// A converted value, as a file has it.
fn toml(value: &Value) -> String {
    match value {
        Value::Table(table) => {
            let members: Vec<String> = table
                .members
                .iter()
                .map(|(key, entry)| format!("{key} = {}", toml(&entry.value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::String(text) | Value::Text { text, .. } => quoted(text),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) => {
            value.describe()
        }
    }
}

/// The table in an entry. A table that a variable has as text is parsed.
fn table_in(entry: &mut Entry) -> Option<&mut Table> {
    if let Value::Text { as_toml, .. } = &mut entry.value
        && as_toml.as_deref().is_some_and(|value| matches!(value, Value::Table(_)))
        && let Some(value) = as_toml.take()
    {
        entry.value = *value;
    }
    match &mut entry.value {
        Value::Table(table) => Some(table),
        Value::String(_)
        | Value::Text { .. }
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_) => None,
    }
}

/// The tables of a list; none if there is no list.
fn items_of<'a>(root: &'a mut Table, list: &str) -> &'a mut [Entry] {
    let Some((_, entry)) = root.members.iter_mut().find(|(key, _)| key == list) else {
        return &mut [];
    };
    if let Value::Text { as_toml, .. } = &mut entry.value
        && as_toml.as_deref().is_some_and(|value| matches!(value, Value::Array(_)))
        && let Some(value) = as_toml.take()
    {
        entry.value = *value;
    }
    match &mut entry.value {
        Value::Array(items) => items,
        Value::String(_)
        | Value::Text { .. }
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Table(_) => &mut [],
    }
}

fn find<'a>(table: &'a Table, path: &str) -> Option<&'a Entry> {
    match path.split_once('.') {
        None => table.get(path),
        Some((section, key)) => match table.get(section)?.value.typed() {
            Value::Table(table) => find(table, key),
            Value::String(_)
            | Value::Text { .. }
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => None,
        },
    }
}

fn remove(table: &mut Table, path: &str) -> Option<Entry> {
    match path.split_once('.') {
        None => {
            let index = table.members.iter().position(|(key, _)| key == path)?;
            Some(table.members.remove(index).1)
        }
        Some((section, key)) => {
            let (_, entry) = table.members.iter_mut().find(|(name, _)| name == section)?;
            remove(table_in(entry)?, key)
        }
    }
}

fn set(table: &mut Table, path: &str, entry: Entry) {
    let Some((section, key)) = path.split_once('.') else {
        return table.set(path, entry);
    };
    if table.get(section).is_none() {
        let source = entry.source.clone();
        let value = Value::Table(Table::default());
        table.set(section, Entry { source, value });
    }
    let section = table.members.iter_mut().find(|(name, _)| name == section);
    if let Some(table) = section.and_then(|(_, entry)| table_in(entry)) {
        set(table, key, entry);
    }
}

#[cfg(test)]
mod tests;
