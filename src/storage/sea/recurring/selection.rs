//! Pages of the recurring jobs that a filter selects.
//!
//! No index serves the filter: recurring jobs are as many as callers define, and their parameters are read for the page alone.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr, Statement, Value};
use uuid::Uuid;

use super::store::read_row;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::storage::query::{RecurringCursor, RecurringFilter, RecurringOrder, RecurringSelection, SelectedRecurring};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::unavailable;
use crate::storage::sea::mapping::{micros, row_count};
use crate::storage::sea::repository::SeaRepository;

/// Maximum number of ids in a statement.
const IDS_MAX: usize = 500;

fn failed(error: DbErr) -> RepositoryError {
    unavailable(&error)
}

/// A statement as it grows.
struct Text {
    is_postgres: bool,
    values: Vec<Value>,
}

impl Text {
    fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// A text column that is compared by its bytes.
    const fn bytes(&self, column: &'static str) -> (&'static str, &'static str) {
        (column, if self.is_postgres { " COLLATE \"C\"" } else { "" })
    }

    fn filter(&mut self, filter: &RecurringFilter) -> String {
        let RecurringFilter {
            text,
            is_enabled,
            job_type,
            queue,
        } = filter;
        let mut conditions = String::from("true");
        if let Some(text) = text {
            let pattern = text.to_ascii_lowercase();
            let pattern = pattern.replace('!', "!!").replace('%', "!%").replace('_', "!_");
            let place = self.place(format!("%{pattern}%"));
            let parts = ["name", "job_type", "key"].map(|column| {
                let (column, collation) = self.bytes(column);
                format!("lower({column}{collation}) LIKE {place} ESCAPE '!'")
            });
            conditions.push_str(&format!(" AND ({})", parts.join(" OR ")));
        }
        if let Some(is_enabled) = is_enabled {
            conditions.push_str(if *is_enabled {
                " AND is_enabled"
            } else {
                " AND NOT is_enabled"
            });
        }
        if let Some(job_type) = job_type {
            let place = self.place(job_type.as_str());
            conditions.push_str(&format!(" AND job_type = {place}"));
        }
        if let Some(queue) = queue {
            let place = self.place(queue.as_str());
            conditions.push_str(&format!(" AND queue = {place}"));
        }
        conditions
    }

    fn after(&mut self, cursor: &RecurringCursor) -> String {
        match cursor {
            RecurringCursor::NewestFirst(id) => format!(" AND id < {}", self.place(id.as_uuid())),
            RecurringCursor::NextRun(at, id) => {
                let at = self.place(at.map_or(i64::MAX, micros));
                format!(" AND ({NEXT_RUN}, id) > ({at}, {})", self.place(id.as_uuid()))
            }
            RecurringCursor::Name(name, id) => {
                let (column, collation) = self.bytes("name");
                let name = self.place(&**name);
                format!(
                    " AND ({column}{collation}, id) > ({name}, {})",
                    self.place(id.as_uuid())
                )
            }
        }
    }

    fn order(&self, order: RecurringOrder) -> String {
        match order {
            RecurringOrder::NewestFirst => "id DESC".to_owned(),
            RecurringOrder::NextRun => format!("{NEXT_RUN}, id"),
            RecurringOrder::Name => {
                let (column, collation) = self.bytes("name");
                format!("{column}{collation}, id")
            }
        }
    }
}

/// The next due time; those without one are last.
const NEXT_RUN: &str = "COALESCE(next_run_at, 9223372036854775807)";

impl SeaRepository {
    pub(crate) async fn read_recurring_selection(
        &self,
        selection: &RecurringSelection,
    ) -> Result<SelectedRecurring, RepositoryError> {
        let RecurringSelection {
            filter,
            order,
            after,
            limit,
            offset,
        } = selection;
        let text = || Text {
            is_postgres: self.is_postgres(),
            values: Vec::new(),
        };
        let mut page = text();
        let mut conditions = page.filter(filter);
        if let Some(after) = after {
            conditions.push_str(&page.after(after));
        }
        // One more, to know whether more follow.
        let (most, passed) = (page.place(i64::from(*limit) + 1), page.place(row_count(*offset)));
        let sql = format!(
            "SELECT id FROM recurring_jobs WHERE {conditions} ORDER BY {} LIMIT {most} OFFSET {passed}",
            page.order(*order)
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, page.values);
        let rows = self.readers().query_all_raw(statement).await.map_err(failed)?;
        let ids = rows
            .iter()
            .map(|row| row.try_get_by_index::<Uuid>(0).map(RecurringId::from_uuid));
        let mut ids = ids.collect::<Result<Vec<RecurringId>, DbErr>>().map_err(failed)?;
        let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
        let has_more = ids.len() > limit;
        ids.truncate(limit);
        let mut count = text();
        let sql = format!(
            "SELECT CAST(COUNT(*) AS bigint) FROM recurring_jobs WHERE {}",
            count.filter(filter)
        );
        let statement = Statement::from_sql_and_values(self.backend(), sql, count.values);
        let row = self.readers().query_one_raw(statement).await.map_err(failed)?;
        let total: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0)).map_err(failed)?;
        Ok(SelectedRecurring {
            ids,
            has_more,
            total: u64::try_from(total).unwrap_or_default(),
        })
    }

    pub(crate) async fn read_recurring_by_id(
        &self,
        ids: &[RecurringId],
    ) -> Result<Vec<Arc<RecurringJob>>, RepositoryError> {
        let mut found: HashMap<RecurringId, Arc<RecurringJob>> = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(IDS_MAX) {
            let rows = self.recurring_rows("*", ids).await?;
            let readable = self.unreadable.leave_out(rows.iter().map(read_row))?;
            found.extend(readable.into_iter().map(|recurring| (recurring.id, recurring)));
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    pub(crate) async fn read_recurring_sizes(&self, ids: &[RecurringId]) -> Result<u64, RepositoryError> {
        let mut total = 0_u64;
        for ids in ids.chunks(IDS_MAX) {
            let rows = self
                .recurring_rows("CAST(OCTET_LENGTH(parameters) AS BIGINT)", ids)
                .await?;
            for row in rows {
                let length: i64 = row.try_get_by_index(0).map_err(failed)?;
                total = total.saturating_add(u64::try_from(length).unwrap_or_default());
            }
        }
        Ok(total)
    }

    async fn recurring_rows(
        &self,
        columns: &str,
        ids: &[RecurringId],
    ) -> Result<Vec<sea_orm::QueryResult>, RepositoryError> {
        let places: Vec<String> = (1..=ids.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "SELECT {columns} FROM recurring_jobs WHERE id IN ({})",
            places.join(", ")
        );
        let values: Vec<Value> = ids.iter().map(|id| id.as_uuid().into()).collect();
        let statement = Statement::from_sql_and_values(self.backend(), sql, values);
        self.readers().query_all_raw(statement).await.map_err(failed)
    }
}
