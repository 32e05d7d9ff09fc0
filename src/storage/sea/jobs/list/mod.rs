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
//! Only ids are read for this; the contents are read for the jobs of the page. Each job that `offset` skips costs an
//! index entry.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, FromQueryResult, Statement, Value};

use super::read::{SummaryRow, summary};
use crate::domain::job::priority::Priority;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::JobId;
use crate::storage::query::{JobFilter, JobSummary, Order, Page};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::mapping::row_count;
use crate::storage::sea::repository::SeaRepository;

/// Maximum number of values of a leading condition, each of which is a part of the statement
/// (`service/limits/read_cost.rs` relies on it).
const PARTS_MAX: usize = 16;

const COLUMNS: &str = "id, name, job_type, queue, priority, status, error, due_at, started_at, finished_at, attempt, \
                       retry_count, max_retries, recurring_id, node";

/// A condition of a filter.
struct Condition {
    column: Column,
    /// The values of which a job must have one.
    values: Vec<Given>,
}

/// A value of a condition.
enum Given {
    /// A literal number, so that the planner can use a partial index.
    Number(i16),
    /// Other conditions.
    Bound(Value),
}

/// Subject of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Recurring,
    Status,
    Queue,
    JobType,
    Priority,
}

impl Column {
    const fn name(self) -> &'static str {
        match self {
            Self::Recurring => "recurring_id",
            Self::Status => "status",
            Self::Queue => "queue",
            Self::JobType => "job_type",
            Self::Priority => "priority",
        }
    }

    /// The type of its values on PostgreSQL.
    const fn sql_type(self) -> &'static str {
        match self {
            Self::Recurring => "uuid",
            Self::Status | Self::Priority => "smallint",
            Self::Queue | Self::JobType => "text",
        }
    }

    /// Additional condition of a partial index, so that the planner uses it.
    const fn partial(self) -> &'static str {
        match self {
            Self::Recurring => " AND recurring_id IS NOT NULL",
            Self::Priority => " AND priority <> 1",
            Self::Status | Self::Queue | Self::JobType => "",
        }
    }
}

/// The conditions of a filter that an index (condition, id) serves.
fn conditions(filter: &JobFilter) -> Vec<Condition> {
    let JobFilter {
        statuses,
        job_types,
        queue,
        recurring_id,
        priority,
        search: _,
        created_from: _,
        created_to: _,
    } = filter;
    // Each value once, or a job would come twice. All statuses are no condition.
    let mut requested: Vec<JobStatus> = JobStatus::ALL
        .into_iter()
        .filter(|status| statuses.contains(status))
        .collect();
    if requested.len() == JobStatus::ALL.len() {
        requested.clear();
    }
    let names: BTreeSet<&str> = job_types.iter().map(AsRef::as_ref).collect();
    let bound = |value: Value| Given::Bound(value);
    let conditions = [
        (
            Column::Recurring,
            recurring_id.iter().map(|id| bound(id.as_uuid().into())).collect(),
        ),
        (
            Column::Status,
            requested.iter().map(|status| Given::Number(status.code())).collect(),
        ),
        (
            Column::Queue,
            queue.iter().map(|queue| bound(queue.as_str().into())).collect(),
        ),
        (
            Column::JobType,
            names.into_iter().map(|name| bound(name.into())).collect(),
        ),
        (
            Column::Priority,
            priority
                .iter()
                .map(|priority| Given::Number(priority.code()))
                .collect::<Vec<_>>(),
        ),
    ];
    let conditions = conditions.into_iter().filter(|(_, values)| !values.is_empty());
    conditions
        .map(|(column, values)| Condition { column, values })
        .collect()
}

/// A statement as it grows.
struct Text {
    is_postgres: bool,
    values: Vec<Value>,
}

impl Text {
    /// The place of a value in the statement.
    fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn statement(self, sql: String) -> Statement {
        let backend = if self.is_postgres {
            DbBackend::Postgres
        } else {
            DbBackend::Sqlite
        };
        Statement::from_sql_and_values(backend, sql, self.values)
    }

    fn give(&mut self, value: &Given) -> String {
        match value {
            Given::Number(number) => number.to_string(),
            Given::Bound(value) => self.place(value.clone()),
        }
    }

    fn is_one_of(&mut self, Condition { column, values }: &Condition) -> String {
        let values: Vec<String> = values.iter().map(|value| self.give(value)).collect();
        format!("{} IN ({})", column.name(), values.join(", "))
    }

    /// A condition that does not lead.
    fn follows(&mut self, condition: &Condition) -> String {
        let plus = if self.is_postgres { "" } else { "+" };
        format!(" AND {plus}{}", self.is_one_of(condition))
    }

    /// Further conditions of the filter.
    fn rest(&mut self, filter: &JobFilter, after: Option<(Order, JobId)>) -> String {
        let mut rest = String::new();
        // The time of creation is in the id.
        let from = filter.created_from.map(|from| (">=", JobId::first_at(from)));
        let to = filter.created_to.map(|to| ("<=", JobId::last_at(to)));
        let after = after.map(|(order, after)| match order {
            Order::NewestFirst => ("<", after),
            Order::OldestFirst => (">", after),
        });
        for (compared, id) in [from, to, after].into_iter().flatten() {
            let place = self.place(id.as_uuid());
            rest.push_str(&format!(" AND id {compared} {place}"));
        }
        if let Some(search) = &filter.search {
            rest.push_str(" AND ");
            rest.push_str(&self.search(search));
        }
        rest
    }

    fn search(&mut self, search: &str) -> String {
        // No name holds a control character, and PostgreSQL takes no text with this one.
        if search.contains('\0') {
            return "1 = 0".to_owned();
        }
        let meaning_itself = search
            .to_ascii_lowercase()
            .replace('!', "!!")
            .replace('%', "!%")
            .replace('_', "!_");
        let place = self.place(format!("%{meaning_itself}%"));
        // ASCII letters only: SQLite supports no others, and PostgreSQL is restricted to them.
        let collation = if self.is_postgres { " COLLATE \"C\"" } else { "" };
        let contains = |column: &str| format!("lower({column}{collation}) LIKE {place} ESCAPE '!'");
        format!("({} OR {})", contains("name"), contains("job_type"))
    }

    /// The ids of the first jobs of which `column` has this value; `way` is the direction of ids in the order.
    fn part(&mut self, column: Column, value: &Given, others: &str, way: &str, end: &str) -> String {
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

impl SeaRepository {
    pub(crate) async fn read_jobs(
        &self,
        filter: &JobFilter,
        page: Page,
        connection: &impl ConnectionTrait,
    ) -> Result<Vec<JobSummary>, RepositoryError> {
        let Page {
            limit,
            offset,
            after,
            order,
        } = page;
        let way = match order {
            Order::NewestFirst => "DESC",
            Order::OldestFirst => "ASC",
        };
        let conditions = conditions(filter);
        let leading = self.leading(filter, &conditions, connection).await?;
        let mut text = self.text();
        let mut others = String::new();
        for condition in conditions.iter().filter(|condition| Some(condition.column) != leading) {
            others.push_str(&text.follows(condition));
        }
        others.push_str(&text.rest(filter, after.map(|after| (order, after))));
        let limit_place = text.place(i64::from(limit));
        let page = format!("LIMIT {limit_place} OFFSET {}", text.place(row_count(offset)));
        let leading = conditions.iter().find(|condition| Some(condition.column) == leading);
        let ids = match leading.map(|Condition { column, values }| (*column, values.as_slice())) {
            None => format!("SELECT id FROM jobs WHERE true{others} ORDER BY id {way} {page}"),
            Some((column, [value])) => text.part(column, value, &others, way, &page),
            Some((column, values)) => {
                // No part needs more than what is passed over and the page.
                let most = text.place(row_count(offset.saturating_add(u64::from(limit))));
                let mut parts = Vec::with_capacity(values.len());
                for value in values {
                    let part = text.part(column, value, &others, way, &format!("LIMIT {most}"));
                    parts.push(format!("SELECT id FROM ({part}) AS part"));
                }
                let parts = parts.join(" UNION ALL ");
                format!("SELECT id FROM ({parts}) AS parts ORDER BY id {way} {page}")
            }
        };
        let sql = format!("SELECT {COLUMNS} FROM jobs WHERE id IN ({ids}) ORDER BY id {way}");
        let rows = connection.query_all_raw(text.statement(sql)).await.map_err(failed)?;
        rows.iter()
            .map(|row| SummaryRow::from_query_result(row, "").map_err(failed))
            .map(|row| row.and_then(summary))
            .collect()
    }

    /// Counts the jobs that a filter means one by one: they are of a time, of a recurring job, or found by a search.
    pub(crate) async fn count_one_by_one(
        &self,
        filter: &JobFilter,
        connection: &impl ConnectionTrait,
    ) -> Result<u64, RepositoryError> {
        let mut text = self.text();
        let mut requested = String::new();
        for condition in conditions(filter) {
            requested.push_str(" AND ");
            requested.push_str(&text.is_one_of(&condition));
            if condition.column == Column::Recurring {
                requested.push_str(condition.column.partial());
            }
        }
        requested.push_str(&text.rest(filter, None));
        let sql = format!("SELECT CAST(COUNT(*) AS bigint) FROM jobs WHERE true{requested}");
        let row = connection.query_one_raw(text.statement(sql)).await.map_err(failed)?;
        let count: i64 = match row {
            Some(row) => row.try_get_by_index(0).map_err(failed)?,
            None => 0,
        };
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The condition that leads: the one that the fewest jobs meet. `None` where there is none that could: then the
    /// primary key leads, which is the order itself.
    async fn leading(
        &self,
        filter: &JobFilter,
        conditions: &[Condition],
        connection: &impl ConnectionTrait,
    ) -> Result<Option<Column>, RepositoryError> {
        let can_lead = |condition: &&Condition| {
            condition.values.len() <= PARTS_MAX
                // Jobs of normal priority have no index of their own: they are too many for one to be worth its price.
                && (condition.column != Column::Priority || filter.priority != Some(Priority::Normal))
        };
        let candidates: Vec<&Condition> = conditions.iter().filter(can_lead).collect();
        let recurring = candidates
            .iter()
            .find(|condition| condition.column == Column::Recurring);
        if let Some(recurring) = recurring.or(candidates.first().filter(|_| candidates.len() == 1)) {
            // The occurrences of a recurring job are few, and not counted.
            return Ok(Some(recurring.column));
        }
        if candidates.is_empty() {
            return Ok(None);
        }
        let mut text = self.text();
        let mut sums = Vec::with_capacity(candidates.len());
        for condition in &candidates {
            let is_meant = text.is_one_of(condition);
            sums.push(format!(
                "CAST(COALESCE(SUM(CASE WHEN {is_meant} THEN count END), 0) AS bigint)"
            ));
        }
        let sql = format!("SELECT {} FROM job_counters", sums.join(", "));
        let row = connection.query_one_raw(text.statement(sql)).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let mut counted = Vec::with_capacity(candidates.len());
        for (index, condition) in candidates.into_iter().enumerate() {
            let count: i64 = row.try_get_by_index(index).map_err(failed)?;
            counted.push((count, condition.column));
        }
        let fewest = counted.into_iter().min_by_key(|(count, _)| *count);
        Ok(fewest.map(|(_, column)| column))
    }

    fn text(&self) -> Text {
        Text {
            is_postgres: self.is_postgres(),
            values: Vec::new(),
        }
    }
}

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}
