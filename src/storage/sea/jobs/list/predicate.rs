//! Terms of a filter as conditions on the rows of jobs.
//!
//! No index serves them: on SQLite a plus before a column excludes indexes that would change the order of the list.

use super::text::Text;
use crate::domain::filter::{
    Condition, Interval, NodeMatch, NumberField, Term, TextField, TextMatch, TimeField, TimeMatch, ids_starting_with,
};
use crate::domain::values::id::JobId;

/// A condition that no job meets.
const NEVER: &str = "1 = 0";

impl Text {
    /// A term as a condition, also on counters if its field is a type or a queue.
    pub(super) fn predicate(&mut self, Term { is_negated, condition }: &Term) -> String {
        let condition = self.condition(condition);
        if *is_negated {
            // An empty field does not meet the condition.
            return format!("({condition}) IS NOT TRUE");
        }
        format!("({condition})")
    }

    fn condition(&mut self, condition: &Condition) -> String {
        match condition {
            Condition::Id(ids) => {
                let ids = ids.iter().map(|id| self.place(id.as_uuid())).collect();
                self.is_in("id", ids)
            }
            Condition::Status(statuses) => {
                let codes = statuses.iter().map(|status| status.code().to_string()).collect();
                self.is_in("status", codes)
            }
            Condition::Priority(priorities) => {
                let codes = priorities.iter().map(|priority| priority.code().to_string()).collect();
                self.is_in("priority", codes)
            }
            Condition::Text(field, values) => self.any(values, |text, value| text.matches(field, value)),
            Condition::Recurring(ids) => self.any(ids, |text, id| {
                let column = text.column("recurring_id");
                match id {
                    Some(id) => format!("{column} = {}", text.place(id.as_uuid())),
                    None => format!("{column} IS NULL"),
                }
            }),
            Condition::Fingerprint(fingerprints) => self.any(fingerprints, |text, fingerprint| {
                let column = text.column("fingerprint");
                match fingerprint {
                    Some(fingerprint) => format!("{column} = {}", text.place(fingerprint.code())),
                    None => format!("{column} IS NULL"),
                }
            }),
            Condition::Node(nodes) => self.any(nodes, |text, node| {
                let column = text.column("node");
                match node {
                    NodeMatch::Missing => format!("{column} IS NULL"),
                    NodeMatch::Id(id) => format!("{column} = {}", text.place(id.as_uuid())),
                    // The service has replaced names by ids.
                    NodeMatch::Name(_) => NEVER.to_owned(),
                }
            }),
            Condition::Number(field, intervals) => {
                let column = self.column(match field {
                    NumberField::Attempt => "attempt",
                    NumberField::Retries => "retry_count",
                });
                self.any(intervals, |text, Interval { from, to }| {
                    text.between(&column, from.map(i64::from), to.map(i64::from))
                })
            }
            Condition::Time(TimeField::Created, times) => self.any(times, |text, time| text.created(time)),
            Condition::Time(field, times) => {
                let column = self.column(match field {
                    TimeField::Created | TimeField::Due => "due_at",
                    TimeField::Started => "started_at",
                    TimeField::Finished => "finished_at",
                });
                self.any(times, |text, time| match time {
                    TimeMatch::Missing => format!("{column} IS NULL"),
                    TimeMatch::Within(Interval { from, to }) => {
                        let micros = |time: &chrono::DateTime<chrono::Utc>| time.timestamp_micros();
                        text.between(&column, from.as_ref().map(micros), to.as_ref().map(micros))
                    }
                })
            }
            Condition::Duration(intervals) => self.any(intervals, |text, Interval { from, to }| {
                let duration = "(finished_at - started_at)";
                text.between(duration, from.map(|from| from.as_micros()), to.map(|to| to.as_micros()))
            }),
            Condition::Search(search) => match ids_starting_with(search) {
                Some(ids) => {
                    let column = self.column("id");
                    let (first, last) = (self.place(ids.start().as_uuid()), self.place(ids.end().as_uuid()));
                    format!("{column} >= {first} AND {column} <= {last}")
                }
                None => {
                    let contained = TextMatch::Contains(search.clone());
                    let name = self.matches(&TextField::Name, &contained);
                    let job_type = self.matches(&TextField::Type, &contained);
                    format!("{name} OR {job_type}")
                }
            },
        }
    }

    /// One of the conditions of these values.
    fn any<T>(&mut self, values: &[T], mut condition: impl FnMut(&mut Self, &T) -> String) -> String {
        if values.is_empty() {
            return NEVER.to_owned();
        }
        let conditions: Vec<String> = values.iter().map(|value| condition(self, value)).collect();
        conditions.join(" OR ")
    }

    fn is_in(&self, column: &str, values: Vec<String>) -> String {
        if values.is_empty() {
            return NEVER.to_owned();
        }
        format!("{} IN ({})", self.column(column), values.join(", "))
    }

    fn between(&mut self, value: &str, from: Option<i64>, to: Option<i64>) -> String {
        let from = from.map(|from| format!("{value} >= {}", self.place(from)));
        let to = to.map(|to| format!("{value} <= {}", self.place(to)));
        match (from, to) {
            (Some(from), Some(to)) => format!("({from} AND {to})"),
            (Some(bound), None) | (None, Some(bound)) => bound,
            (None, None) => format!("{value} IS NOT NULL"),
        }
    }

    fn created(&mut self, time: &TimeMatch) -> String {
        let column = self.column("id");
        let TimeMatch::Within(Interval { from, to }) = time else {
            return NEVER.to_owned();
        };
        let from = from.map(|from| format!("{column} >= {}", self.place(JobId::first_at(from).as_uuid())));
        let to = to.map(|to| format!("{column} <= {}", self.place(JobId::last_at(to).as_uuid())));
        let bounds: Vec<String> = from.into_iter().chain(to).collect();
        if bounds.is_empty() {
            return "1 = 1".to_owned();
        }
        format!("({})", bounds.join(" AND "))
    }

    fn matches(&mut self, field: &TextField, value: &TextMatch) -> String {
        let column = match field {
            TextField::Type => self.column("job_type"),
            TextField::Queue => self.column("queue"),
            TextField::Name => self.column("name"),
            TextField::Unique => self.column("unique_key"),
            TextField::Error => self.column("error"),
            TextField::Tag => return self.has_tag(value),
            TextField::Parameter(path) => self.parameter(path),
        };
        self.compares(&column, value)
    }

    fn compares(&mut self, column: &str, value: &TextMatch) -> String {
        match value {
            TextMatch::Missing => format!("{column} IS NULL"),
            // No text has a control character, and PostgreSQL takes no text with this one.
            TextMatch::Is(text) | TextMatch::StartsWith(text) | TextMatch::Contains(text) if text.contains('\0') => {
                NEVER.to_owned()
            }
            TextMatch::Is(text) => format!("{column} = {}", self.place(&**text)),
            TextMatch::StartsWith(start) => {
                let length = start.chars().count();
                format!("substr({column}, 1, {length}) = {}", self.place(&**start))
            }
            TextMatch::Contains(part) => self.contains(column, part),
        }
    }

    fn has_tag(&mut self, value: &TextMatch) -> String {
        let tags = if self.is_postgres {
            "json_array_elements_text(CAST(labels AS json) -> 'tags') AS tag(value)"
        } else {
            "json_each(labels, '$.tags')"
        };
        if *value == TextMatch::Missing {
            return format!("NOT EXISTS (SELECT 1 FROM {tags})");
        }
        format!("EXISTS (SELECT 1 FROM {tags} WHERE {})", self.compares("value", value))
    }

    /// The value of a searchable parameter.
    fn parameter(&mut self, path: &str) -> String {
        let place = self.place(path);
        if self.is_postgres {
            return format!("(CAST(labels AS json) -> 'parameters' ->> {place})");
        }
        format!("(SELECT value FROM json_each(labels, '$.parameters') WHERE key = {place})")
    }

    fn contains(&mut self, column: &str, part: &str) -> String {
        let meaning_itself = part
            .to_ascii_lowercase()
            .replace('!', "!!")
            .replace('%', "!%")
            .replace('_', "!_");
        let place = self.place(format!("%{meaning_itself}%"));
        // ASCII letters only: SQLite supports no others, and PostgreSQL is restricted to them.
        let collation = if self.is_postgres { " COLLATE \"C\"" } else { "" };
        format!("lower({column}{collation}) LIKE {place} ESCAPE '!'")
    }

    fn column(&self, name: &str) -> String {
        let plus = if self.is_postgres { "" } else { "+" };
        format!("{plus}{name}")
    }
}
