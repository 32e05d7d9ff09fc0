//! Rows that this program can't read: another version of it, or another program, has written them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sea_orm::{FromQueryResult, QueryResult};
use tracing::error;

use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::{corrupt, text};

/// Maximum number of logged rows that are kept.
const REMEMBERED_MAX: usize = 1_000;

/// Omits unreadable rows from reads, so that one of them does not block the others, and logs each once.
#[derive(Debug, Default)]
pub(crate) struct UnreadableRows(Mutex<HashSet<String>>);

impl UnreadableRows {
    /// The rows that can be read.
    pub(crate) fn leave_out<T>(
        &self,
        rows: impl IntoIterator<Item = Result<T, RepositoryError>>,
    ) -> Result<Vec<T>, RepositoryError> {
        let mut readable = Vec::new();
        for row in rows {
            match row {
                Ok(row) => readable.push(row),
                Err(RepositoryError::Corrupt { reason }) => self.log(reason),
                Err(
                    failure @ (RepositoryError::Unavailable { .. }
                    | RepositoryError::Fault { .. }
                    | RepositoryError::TimedOut { .. }
                    | RepositoryError::Busy),
                ) => return Err(failure),
            }
        }
        Ok(readable)
    }

    /// Logs, once, why a row is left out.
    pub(crate) fn log(&self, reason: String) {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.contains(&reason) {
            return;
        }
        error!("a stored row can't be read and is left out: {reason}");
        if logged.len() >= REMEMBERED_MAX {
            logged.clear();
        }
        logged.insert(reason);
    }
}

/// A row as an entity. A value of another type than its column's is the row's fault, not the connection's.
pub(crate) fn row_of<T: FromQueryResult>(table: &str, row: &QueryResult) -> Result<T, RepositoryError> {
    T::from_query_result(row, "").map_err(|error| corrupt(format!("a row of {table}: {}", text(&error))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_row_is_left_out_and_a_failed_call_fails() {
        let rows = UnreadableRows::default();
        let read = rows.leave_out([Ok(1), Err(corrupt("a row")), Ok(2), Err(corrupt("a row"))]);
        assert_eq!(read.expect("rows"), [1, 2]);
        assert_eq!(rows.0.lock().unwrap().len(), 1, "logged once");
        let unavailable = RepositoryError::Unavailable {
            reason: "connection refused".to_owned(),
        };
        assert!(rows.leave_out([Ok(1), Err(unavailable)]).is_err());
    }
}
