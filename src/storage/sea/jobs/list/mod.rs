//! Lists of jobs: the leading index, and the statement that follows it. Also counts of jobs that no counter covers.
//!
//! A list is in descending order of the ids and ends after a page. Its cost is the number of rows that are read
//! before the page is full, and neither database optimizes that by itself. PostgreSQL assumes that matches are spread
//! evenly over time, and scans the primary key through a million pending jobs to find the last failed one; SQLite
//! reads and sorts all rows with one of two statuses. Therefore the leading condition is chosen here: of those with
//! an index (condition, id), the one that the fewest jobs match according to the counters. The statement is written
//! so that this index provides the order:
//!
//! - a condition with several values becomes a part per value, each of which reads at most a page;
//! - on PostgreSQL the leading column is part of the order, and its condition is an array of one value: a plain
//!   equality would show the planner that the column is constant, and any index with the id would do;
//! - on SQLite a plus before the other columns excludes their indexes.
//!
//! With many queues and types one condition is not enough: a queue has few failed jobs, but there are many failed jobs
//! and many jobs of the queue. Pairs of conditions have partial indexes, which most jobs do not enter. A list whose
//! counted conditions no job meets reads no jobs at all. The finished jobs of a queue or a type are behind its pending
//! ones, if those are the newest; then the index of the status may lead, through the jobs of other queues.
//!
//! The pending jobs of a queue are in the order of their starts in an index. If they are few, all of them are read.
//!
//! Only ids are read for this; the contents are read for the jobs of the page. Each job that `offset` skips costs an
//! index entry.

mod count;
mod leading_index;
mod predicate;
mod sorted;
mod statement;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use self::count::{labels, read_number};
use self::leading_index::{Column, Condition, Given, Leading, PAIRS, PARTS_MAX, Pair, conditions};
use self::text::Text;
use super::read::{SummaryRow, summary};
use crate::domain::filter::{Term, TextField};
use crate::domain::job::status::JobStatus;
use crate::storage::query::{FilterParts, JobFilter, JobSummary, Order, Page, is_of};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::mapping::row_count;
use crate::storage::sea::repository::SeaRepository;

pub(crate) const COLUMNS: &str = "id, name, job_type, queue, priority, status, error, due_at, started_at, finished_at, attempt, \
                       retry_count, max_retries, recurring_id, node, labels";

/// Minimum number of pending jobs that are avoided: fewer are read in a few milliseconds.
const BACKLOG_MIN: i64 = 2_000;

/// Maximum number of pending jobs of a queue that are read and sorted for a page.
const PENDING_MAX: i64 = 2_000;

/// A part of a list.
enum Part<'a> {
    Single(Column),
    /// With this value in the first column.
    Pair(&'static Pair, &'a Given),
}

/// Jobs with a label up to which the label leads without regard to other conditions.
const LABELLED_FEW: i64 = 10_000;

impl SeaRepository {
    pub(crate) async fn read_jobs(
        &self,
        filter: &JobFilter,
        page: Page,
        connection: &impl ConnectionTrait,
    ) -> Result<Vec<JobSummary>, RepositoryError> {
        let Some((text, ids)) = self.ids_of(filter, page, connection).await? else {
            return Ok(Vec::new());
        };
        page_of(text, &ids, way(page.order), connection).await
    }

    /// The statement of the ids of a page; `None` if there are none.
    async fn ids_of(
        &self,
        filter: &JobFilter,
        page: Page,
        connection: &impl ConnectionTrait,
    ) -> Result<Option<(Text, String)>, RepositoryError> {
        let Page {
            limit,
            offset,
            after,
            order,
        } = page;
        let way = way(order);
        let mut filter_parts = FilterParts::of(filter);
        if filter_parts.is_impossible() {
            return Ok(None);
        }
        self.name_patterns(&mut filter_parts, connection).await?;
        let conditions = conditions(&filter_parts);
        // An id is found by the primary key.
        let led_by = if filter_parts.is_by_id() {
            Leading::Key
        } else {
            leading(&filter_parts, &conditions, page, self.text(), connection).await?
        };
        let labels = labels(&filter_parts);
        let is_led_by_label =
            !labels.is_empty() && !filter_parts.is_by_id() && self.leads(&labels, led_by, connection).await?;
        let led_by = if is_led_by_label { Leading::Key } else { led_by };
        let mut text = self.text();
        let mut others = String::new();
        for condition in conditions.iter().filter(|condition| !led_by.has(condition.column)) {
            others.push_str(&text.follows_by_index(condition));
        }
        others.push_str(&text.rest(&filter_parts, after.map(|after| (order, after))));
        let limit_place = text.place(i64::from(limit));
        let page = format!("LIMIT {limit_place} OFFSET {}", text.place(row_count(offset)));
        let single = |column: Column| conditions.iter().find(|condition| condition.column == column);
        let mut parts: Vec<(Part<'_>, &Given)> = Vec::new();
        match led_by {
            Leading::Empty => return Ok(None),
            Leading::Key | Leading::Pending => {}
            Leading::Column(column) => {
                let values = single(column).into_iter().flat_map(|condition| &condition.values);
                parts.extend(values.map(|value| (Part::Single(column), value)));
            }
            Leading::Pair(pair) => {
                if let Some((first, second)) = pair.of(&conditions) {
                    for value in &first.values {
                        parts.extend(second.values.iter().map(|other| (Part::Pair(pair, value), other)));
                    }
                }
            }
        }
        let part = |text: &mut Text, (part, value): &(Part<'_>, &Given), end: &str| match part {
            Part::Single(column) => text.part(*column, value, &others, way, end),
            Part::Pair(pair, first) => text.pair_part(pair, (first, value), &others, way, end),
        };
        if is_led_by_label {
            let bounds = text.bounds("l.job_id", &filter_parts, after.map(|after| (order, after)));
            let most = text.place(row_count(offset.saturating_add(u64::from(limit))));
            let end = format!("LIMIT {most}");
            let selects = labels.iter().map(|label| {
                let part = text.label_part(label, &bounds, &others, way, &end);
                format!("SELECT id FROM ({part}) AS part")
            });
            // A job that has several of the labels comes once.
            let selects = selects.collect::<Vec<String>>().join(" UNION ");
            let ids = format!("SELECT id FROM ({selects}) AS parts ORDER BY id {way} {page}");
            return Ok(Some((text, ids)));
        }
        let pending_of = single(Column::Queue)
            .and_then(|condition| condition.values.first())
            .filter(|_| matches!(led_by, Leading::Pending));
        let ids = match (pending_of, parts.as_slice()) {
            (Some(queue), _) => {
                let parts = text.pending_parts(queue, &others).join(" UNION ALL ");
                format!("SELECT id FROM ({parts}) AS parts ORDER BY id {way} {page}")
            }
            (None, []) => format!("SELECT id FROM jobs WHERE true{others} ORDER BY id {way} {page}"),
            (None, [only]) => part(&mut text, only, &page),
            (None, several) => {
                // No part needs more than what is passed over and the page.
                let most = text.place(row_count(offset.saturating_add(u64::from(limit))));
                let end = format!("LIMIT {most}");
                let mut selects = Vec::with_capacity(several.len());
                for several in several {
                    selects.push(format!("SELECT id FROM ({}) AS part", part(&mut text, several, &end)));
                }
                let parts = selects.join(" UNION ALL ");
                format!("SELECT id FROM ({parts}) AS parts ORDER BY id {way} {page}")
            }
        };
        Ok(Some((text, ids)))
    }

    /// True if an index of labels leads rather than another index.
    async fn leads(
        &self,
        labels: &[String],
        other: Leading,
        connection: &impl ConnectionTrait,
    ) -> Result<bool, RepositoryError> {
        match other {
            Leading::Empty => return Ok(false),
            Leading::Key => return Ok(true),
            Leading::Column(_) | Leading::Pair(_) | Leading::Pending => {}
        }
        let mut text = self.text();
        let sql = text.count_labels(labels, LABELLED_FEW + 1);
        let count = read_number(text.statement(sql), connection).await?;
        Ok(i64::try_from(count).is_ok_and(|count| count <= LABELLED_FEW))
    }

    /// Replaces patterns of types and queues by their names, if they are so few that an index can lead.
    async fn name_patterns(
        &self,
        parts: &mut FilterParts<'_>,
        connection: &impl ConnectionTrait,
    ) -> Result<(), RepositoryError> {
        for (field, column) in [(TextField::Type, Column::JobType), (TextField::Queue, Column::Queue)] {
            let patterns: Vec<&Term> = parts
                .patterns
                .iter()
                .copied()
                .filter(|term| is_of(term, &field))
                .collect();
            if patterns.is_empty() || parts.is_by_id() {
                continue;
            }
            let mut text = self.text();
            let sql = text.names(column, &patterns);
            let rows = connection.query_all_raw(text.statement(sql)).await.map_err(failed)?;
            if rows.len() > PARTS_MAX {
                continue;
            }
            let names = rows.iter().map(|row| row.try_get_by_index::<String>(0).map(Arc::from));
            let names = names.collect::<Result<BTreeSet<Arc<str>>, DbErr>>().map_err(failed)?;
            match column {
                Column::Queue => parts.queues = Some(names),
                Column::JobType | Column::Recurring | Column::Fingerprint | Column::Status | Column::Priority => {
                    parts.job_types = Some(names)
                }
            }
            parts.patterns.retain(|term| !is_of(term, &field));
        }
        Ok(())
    }

    fn text(&self) -> Text {
        Text {
            is_postgres: self.is_postgres(),
            values: Vec::new(),
        }
    }
}

/// The condition, or the pair of conditions, by which the fewest jobs are read until this number of them match. The
/// primary key, which is the order itself, where there is none that could.
async fn leading(
    parts: &FilterParts<'_>,
    conditions: &[Condition],
    page: Page,
    mut text: Text,
    connection: &impl ConnectionTrait,
) -> Result<Leading, RepositoryError> {
    let patterns: &[&Term] = &parts.patterns;
    if conditions.iter().any(|condition| condition.values.is_empty()) {
        return Ok(Leading::Empty);
    }
    let candidates: Vec<&Condition> = conditions.iter().filter(|condition| condition.can_lead()).collect();
    if let Some(condition) = candidates.iter().find(|condition| !condition.column.is_counted()) {
        return Ok(Leading::Column(condition.column));
    }
    if let ([only], []) = (conditions, patterns) {
        return Ok(candidates
            .first()
            .map_or(Leading::Key, |_| Leading::Column(only.column)));
    }
    if conditions.is_empty() && patterns.is_empty() {
        return Ok(Leading::Key);
    }
    let pairs = PAIRS.iter().filter_map(|pair| Some((pair, pair.of(conditions)?)));
    // The first of those with equally few jobs leads.
    let mut choices: Vec<(Leading, Vec<&Condition>)> = pairs
        .map(|(pair, (first, second))| (Leading::Pair(pair), vec![first, second]))
        .collect();
    let is_of_one_queue = parts.queues.as_ref().is_some_and(|queues| queues.len() == 1);
    if parts.statuses.as_deref() == Some(&[JobStatus::Pending]) && is_of_one_queue {
        let of_pair = |condition: &&Condition| matches!(condition.column, Column::Queue | Column::Status);
        choices.push((Leading::Pending, conditions.iter().filter(of_pair).collect()));
    }
    let singles = candidates.into_iter();
    choices.extend(singles.map(|condition| (Leading::Column(condition.column), vec![condition])));
    // If no job meets all counted conditions, none is read.
    let counted = conditions.iter().filter(|condition| condition.column.is_counted());
    choices.push((Leading::Empty, counted.collect()));
    let pending = is_behind_backlog(parts, page).then(|| Condition {
        column: Column::Status,
        values: vec![Given::Number(JobStatus::Pending.code())],
    });
    let mut counts = Vec::with_capacity(choices.len() * 2);
    for (choice, conditions) in &choices {
        let of_choice: &[&Term] = if matches!(choice, Leading::Empty) {
            patterns
        } else {
            &[]
        };
        counts.push(format!("({})", text.count(conditions, of_choice)));
        let backlog = pending
            .as_ref()
            .filter(|_| matches!(choice, Leading::Column(Column::Queue | Column::JobType)));
        counts.push(match backlog {
            Some(pending) => {
                let backlog: Vec<&Condition> = conditions.iter().copied().chain([pending]).collect();
                format!("({})", text.count(&backlog, &[]))
            }
            None => "CAST(0 AS bigint)".to_owned(),
        });
    }
    let sql = format!("SELECT {}", counts.join(", "));
    let row = connection.query_one_raw(text.statement(sql)).await.map_err(failed)?;
    let Some(row) = row else { return Ok(Leading::Key) };
    let mut numbers = Vec::with_capacity(choices.len());
    for index in 0..choices.len() {
        let count = |column: usize| row.try_get_by_index::<i64>(column).map_err(failed);
        numbers.push((count(index * 2)?, count(index * 2 + 1)?));
    }
    let matching = numbers.last().map_or(0, |(matching, _)| *matching);
    if matching <= 0 {
        return Ok(Leading::Empty);
    }
    let passed = i64::try_from(page.offset.saturating_add(u64::from(page.limit))).unwrap_or(i64::MAX);
    let mut fewest = (i64::MAX, Leading::Key);
    for ((choice, _), (count, backlog)) in choices.into_iter().zip(numbers) {
        let read = if pending.is_some() {
            jobs_read(count, backlog, matching, passed)
        } else {
            count
        };
        let can_lead = match choice {
            Leading::Empty => false,
            Leading::Pending => count <= PENDING_MAX,
            Leading::Key | Leading::Column(_) | Leading::Pair(_) => true,
        };
        if can_lead && read < fewest.0 {
            fewest = (read, choice);
        }
    }
    Ok(fewest.1)
}

/// `true` if the pending jobs of a queue or a type, which may be its newest ones, are read before the first match. Of
/// a filter by time or text it is not known how many jobs match.
fn is_behind_backlog(parts: &FilterParts<'_>, page: Page) -> bool {
    let has_counts = parts.is_counted();
    let statuses = parts.statuses.as_ref();
    let are_ended = statuses.is_some_and(|statuses| !statuses.contains(&JobStatus::Pending));
    has_counts && are_ended && page.order == Order::NewestFirst && page.after.is_none()
}

/// Number of jobs of an index that are read until so many of those that match are `passed`, if they are spread evenly
/// behind a backlog.
fn jobs_read(count: i64, backlog: i64, matching: i64, passed: i64) -> i64 {
    let backlog = if backlog > BACKLOG_MIN { backlog } else { 0 };
    let spread = i128::from(passed) * i128::from(count) / i128::from(matching.max(1));
    let read = spread + i128::from(backlog);
    i64::try_from(read.min(i128::from(count))).unwrap_or(i64::MAX)
}

const fn way(order: Order) -> &'static str {
    match order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    }
}

/// The jobs with these ids.
async fn page_of(
    text: Text,
    ids: &str,
    way: &str,
    connection: &impl ConnectionTrait,
) -> Result<Vec<JobSummary>, RepositoryError> {
    let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id IN ({ids}) ORDER BY id {way}");
    let rows = connection.query_all_raw(text.statement(sql)).await.map_err(failed)?;
    rows.iter()
        .map(|row| SummaryRow::from_query_result(row, "").map_err(failed))
        .map(|row| row.and_then(summary))
        .collect()
}

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_avoided_if_it_is_longer_than_the_way_through_other_queues() {
        // 200 queues with 10,000 completed jobs each.
        let (all, of_queue, page) = (2_000_000, 10_000, 50);
        let by_status = jobs_read(all, 0, of_queue, page);
        assert_eq!(by_status, 10_000);
        let by_queue = |pending| jobs_read(of_queue + pending, pending, of_queue, page);
        assert!(by_queue(1_000) < by_status && by_queue(100_000) > by_status);
        assert_eq!(jobs_read(60, 60, 1, page), 60, "no more than there are");
    }
}
