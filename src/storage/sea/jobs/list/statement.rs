//! The statement of a list of jobs.

use super::leading_index::{Column, Condition, Given, PARTS_MAX, Pair};
use super::text::Text;
use crate::domain::filter::{Term, TextField};
use crate::domain::values::id::JobId;
use crate::storage::query::{FilterParts, Order, is_of};

/// The column of a pattern of names.
fn column_of(term: &Term) -> Option<Column> {
    let columns = [(TextField::Queue, Column::Queue), (TextField::Type, Column::JobType)];
    let of_term = columns.into_iter().find(|(field, _)| is_of(term, field));
    of_term.map(|(_, column)| column)
}

impl Text {
    fn give(&mut self, value: &Given) -> String {
        match value {
            Given::Number(number) => number.to_string(),
            Given::Bound(value) => self.place(value.clone()),
        }
    }

    pub(super) fn is_one_of(&mut self, Condition { column, values }: &Condition) -> String {
        let values: Vec<String> = values.iter().map(|value| self.give(value)).collect();
        format!("{} IN ({})", column.name(), values.join(", "))
    }

    /// The statement that counts the jobs that meet these conditions and patterns of names.
    pub(super) fn count(&mut self, conditions: &[&Condition], patterns: &[&Term]) -> String {
        let counters = self.counters(conditions, patterns, Column::Status);
        format!("SELECT CAST(COALESCE(SUM(count), 0) AS bigint) FROM {counters}")
    }

    /// The counters of the jobs that meet these conditions and patterns of names, of those with the fewest rows for them and
    /// for groups by a column.
    pub(super) fn counters(&mut self, conditions: &[&Condition], patterns: &[&Term], group: Column) -> String {
        let has_pattern = |column: Column| patterns.iter().any(|term| column_of(term) == Some(column));
        let has_value = |column: Column| conditions.iter().any(|condition| condition.column == column);
        let has = |column: Column| has_value(column) || has_pattern(column) || group == column;
        let is_of_both = has(Column::Queue) && has(Column::JobType);
        let mut requested: Vec<String> = conditions.iter().map(|condition| self.is_one_of(condition)).collect();
        for column in [Column::Queue, Column::JobType] {
            // An empty name stands for all.
            if has_pattern(column) || group == column {
                requested.push(format!("{} <> ''", column.name()));
            } else if !is_of_both && !has(column) {
                requested.push(format!("{} = ''", column.name()));
            }
        }
        requested.extend(patterns.iter().map(|term| self.predicate(term)));
        let table = if is_of_both { "job_counters" } else { "job_totals" };
        let requested = if requested.is_empty() {
            "true".to_owned()
        } else {
            requested.join(" AND ")
        };
        format!("{table} WHERE {requested}")
    }

    /// The statement of the names in a column that meet patterns, up to one more than can lead.
    pub(super) fn names(&mut self, column: Column, patterns: &[&Term]) -> String {
        let (name, other) = match column {
            Column::Queue => ("queue", "job_type"),
            Column::JobType | Column::Recurring | Column::Fingerprint | Column::Status | Column::Priority => {
                ("job_type", "queue")
            }
        };
        let predicates: Vec<String> = patterns.iter().map(|term| self.predicate(term)).collect();
        format!(
            "SELECT DISTINCT {name} FROM job_totals WHERE {other} = '' AND {name} <> '' AND {} LIMIT {}",
            predicates.join(" AND "),
            PARTS_MAX + 1
        )
    }

    /// A condition that does not lead.
    pub(super) fn follows(&mut self, condition: &Condition) -> String {
        let plus = if self.is_postgres { "" } else { "+" };
        format!(" AND {plus}{}", self.is_one_of(condition))
    }

    /// A condition that does not lead, on SQLite by its own index where it has one: its entries are close together, and
    /// the rows of the leading index are not.
    pub(super) fn follows_by_index(&mut self, condition: &Condition) -> String {
        let index = match condition.column {
            Column::Queue => "jobs_by_queue",
            Column::JobType => "jobs_by_type",
            Column::Recurring | Column::Fingerprint | Column::Status | Column::Priority => {
                return self.follows(condition);
            }
        };
        match condition.values.as_slice() {
            [value] if !self.is_postgres => {
                let value = self.give(value);
                format!(
                    " AND EXISTS (SELECT 1 FROM jobs AS same INDEXED BY {index} WHERE same.{} = {value} AND same.id = +jobs.id)",
                    condition.column.name()
                )
            }
            _ => self.follows(condition),
        }
    }

    /// The ids of the pending jobs of a queue: those that are claimed ahead have an index of their own.
    pub(super) fn pending_parts(&mut self, queue: &Given, others: &str) -> [String; 2] {
        let queue = self.give(queue);
        let (to_claim, claimed, plus) = if self.is_postgres {
            ("", "", "")
        } else {
            (" INDEXED BY jobs_to_claim", " INDEXED BY jobs_claimed", "+")
        };
        [
            format!(
                "SELECT id FROM jobs{to_claim} WHERE status = 0 AND claimed_by IS NULL AND queue = {queue}{others}"
            ),
            format!(
                "SELECT id FROM jobs{claimed} WHERE {plus}status = 0 AND claimed_by IS NOT NULL AND {plus}queue = {queue}{others}"
            ),
        ]
    }

    /// The bounds of ids in a column.
    pub(super) fn bounds(&mut self, column: &str, parts: &FilterParts<'_>, after: Option<(Order, JobId)>) -> String {
        let mut text = String::new();
        // The time of creation is in the id.
        let (first, last) = parts.bounds;
        let after = after.map(|(order, after)| match order {
            Order::NewestFirst => ("<", after),
            Order::OldestFirst => (">", after),
        });
        let bounds = [first.map(|id| (">=", id)), last.map(|id| ("<=", id)), after];
        for (compared, id) in bounds.into_iter().flatten() {
            let place = self.place(id.as_uuid());
            text.push_str(&format!(" AND {column} {compared} {place}"));
        }
        text
    }

    /// Further conditions of the filter.
    pub(super) fn rest(&mut self, parts: &FilterParts<'_>, after: Option<(Order, JobId)>) -> String {
        let mut rest = self.bounds("id", parts, after);
        if let Some(ids) = &parts.ids {
            let places: Vec<String> = ids.iter().map(|id| self.place(id.as_uuid())).collect();
            rest.push_str(&format!(" AND id IN ({})", places.join(", ")));
        }
        for term in parts.patterns.iter().chain(&parts.rest) {
            rest.push_str(" AND ");
            rest.push_str(&self.predicate(term));
        }
        rest
    }

    /// The number of jobs with one of these labels, up to a limit.
    pub(super) fn count_labels(&mut self, labels: &[String], limit: i64) -> String {
        let places: Vec<String> = labels.iter().map(|label| self.place(label.as_str())).collect();
        let places = places.join(", ");
        format!(
            "SELECT CAST(COUNT(*) AS bigint) FROM (SELECT 1 FROM job_labels WHERE label IN ({places}) LIMIT {limit}) AS found"
        )
    }

    /// The condition that a job has one of these labels.
    pub(super) fn has_label(&mut self, labels: &[String]) -> String {
        let places: Vec<String> = labels.iter().map(|label| self.place(label.as_str())).collect();
        format!(
            " AND id IN (SELECT job_id FROM job_labels WHERE label IN ({}))",
            places.join(", ")
        )
    }

    /// The ids of the first jobs with a label; `bounds` are those of ids.
    pub(super) fn label_part(&mut self, label: &str, bounds: &str, others: &str, way: &str, end: &str) -> String {
        // SQLite joins in this order.
        let join = if self.is_postgres { "JOIN" } else { "CROSS JOIN" };
        let label = self.place(label);
        format!(
            "SELECT l.job_id AS id FROM job_labels AS l {join} jobs ON jobs.id = l.job_id \
             WHERE l.label = {label}{bounds}{others} ORDER BY l.job_id {way} {end}"
        )
    }

    /// The ids of the first jobs with these values in the columns of a pair.
    pub(super) fn pair_part(
        &mut self,
        pair: &Pair,
        values: (&Given, &Given),
        others: &str,
        way: &str,
        end: &str,
    ) -> String {
        let (first, second) = (pair.first.name(), pair.second.name());
        let (one, other) = (self.give(values.0), self.give(values.1));
        let (partial, index) = (pair.partial, pair.index);
        if self.is_postgres {
            let sql_type = pair.first.sql_type();
            // The planner proves that the partial index suffices. With a list of values of the second column it would not use
            // the order of the index.
            format!(
                "SELECT id FROM jobs WHERE {first} = ANY(ARRAY[{one}]::{sql_type}[]) AND {second} = {other}{others} \
                 ORDER BY {first} {way}, id {way} {end}"
            )
        } else {
            format!(
                "SELECT id FROM jobs INDEXED BY {index} WHERE {first} = {one} AND {second} = {other} \
                 AND {partial}{others} ORDER BY id {way} {end}"
            )
        }
    }

    /// The ids of the first jobs of which `column` has this value; `way` is the direction of ids in the order.
    pub(super) fn part(&mut self, column: Column, value: &Given, others: &str, way: &str, end: &str) -> String {
        let (name, partial, value) = (column.name(), column.partial(), self.give(value));
        if self.is_postgres {
            let sql_type = column.sql_type();
            format!(
                "SELECT id FROM jobs WHERE {name} = ANY(ARRAY[{value}]::{sql_type}[]){partial}{others} \
                 ORDER BY {name} {way}, id {way} {end}"
            )
        } else {
            format!("SELECT id FROM jobs WHERE {name} = {value}{partial}{others} ORDER BY id {way} {end}")
        }
    }
}
