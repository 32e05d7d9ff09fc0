//! Parts of the statements that read rollups, and of their rows.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};

use crate::domain::metrics::rollup::RollupCounts;
use crate::storage::query::RollupFilter;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::commit::rollup_writer::SUMS;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::repository::SeaRepository;

pub(super) fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

/// The sums as columns. On PostgreSQL a sum has another type than what is summed up.
pub(super) fn sums() -> String {
    SUMS.map(|column| format!("CAST(SUM({column}) AS bigint)")).join(", ")
}

pub(super) fn number(row: &QueryResult, index: usize) -> Result<u64, RepositoryError> {
    let number: i64 = row.try_get_by_index(index).map_err(failed)?;
    Ok(u64::try_from(number).unwrap_or_default())
}

/// The sums from this column on.
pub(super) fn read_sums(row: &QueryResult, first: usize) -> Result<RollupCounts, RepositoryError> {
    let number = |index: usize| number(row, first + index);
    Ok(RollupCounts {
        started: number(0)?,
        completed: number(1)?,
        attempts_failed: number(2)?,
        abandoned: number(3)?,
        jobs_failed: number(4)?,
        jobs_cancelled: number(5)?,
        run_micros: number(6)?,
        wait_micros: number(7)?,
    })
}

/// The tables of recent rollups and time buckets with the fewest rows for a filter.
pub(super) fn tables(RollupFilter { queue, job_types }: &RollupFilter) -> (&'static str, &'static str) {
    if queue.is_none() && job_types.is_empty() {
        ("rollup_totals", "time_step_totals")
    } else {
        ("job_rollups", "job_time_steps")
    }
}

/// A statement as its values are bound.
#[derive(Default)]
pub(super) struct Bound(pub(super) Vec<Value>);

impl Bound {
    pub(super) fn place(&mut self, value: impl Into<Value>) -> String {
        self.0.push(value.into());
        format!("${}", self.0.len())
    }

    pub(super) fn list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> String {
        let places: Vec<String> = values.into_iter().map(|value| self.place(value)).collect();
        places.join(", ")
    }

    /// The condition of a filter on recent rows with a queue and a type.
    pub(super) fn recent(&mut self, RollupFilter { queue, job_types }: &RollupFilter) -> String {
        let mut sql = String::new();
        if let Some(queue) = queue {
            sql.push_str(&format!(" AND queue = {}", self.place(queue.as_str())));
        }
        if !job_types.is_empty() {
            let types = self.list(job_types.iter().map(|job_type| job_type.as_str()));
            sql.push_str(&format!(" AND job_type IN ({types})"));
        }
        sql
    }

    /// The condition of the packed days from one to another, except for some. Each is listed: a range of days would be
    /// scanned with all of their queues.
    pub(super) fn days(&mut self, (first, last): (i64, i64), except: &BTreeSet<i64>, queue: Option<&str>) -> String {
        let queue = self.place(queue.unwrap_or_default());
        if last.saturating_sub(first) > LISTED_DAYS_MAX {
            let (first, last) = (self.place(first), self.place(last));
            return format!("day >= {first} AND day <= {last} AND queue = {queue}");
        }
        // A list has at least one value.
        let days = (first..=last).filter(|day| !except.contains(day)).chain([NO_DAY]);
        format!("day IN ({}) AND queue = {queue}", self.list(days))
    }

    /// The condition of the packed days of a filter, for all of its types together or for each of them.
    pub(super) fn packed(&mut self, days: (i64, i64), RollupFilter { queue, job_types }: &RollupFilter) -> String {
        let days = self.days(days, &BTreeSet::new(), queue.as_ref().map(|queue| queue.as_str()));
        if job_types.is_empty() {
            return format!("{days} AND job_type = ''");
        }
        let types = self.list(job_types.iter().map(|job_type| job_type.as_str()));
        format!("{days} AND job_type IN ({types})")
    }
}

/// Maximum number of days that a statement lists; reports have at most 400.
pub(super) const LISTED_DAYS_MAX: i64 = 2_000;
/// A day that no row has.
pub(super) const NO_DAY: i64 = i64::MIN;

/// A column of the packed days, in a statement whose other part has recent rows.
pub(super) fn null(sql_type: &str) -> String {
    format!("CAST(NULL AS {sql_type})")
}

impl SeaRepository {
    pub(super) async fn read_sql(
        &self,
        sql: String,
        Bound(values): Bound,
    ) -> Result<Vec<QueryResult>, RepositoryError> {
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        self.readers().query_all_raw(statement).await.map_err(failed)
    }
}
