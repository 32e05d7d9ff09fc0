//! A statement as it grows.

use sea_orm::{DbBackend, Statement, Value};

/// A statement as it grows: its values, with the places that they have.
#[derive(Clone)]
pub(super) struct Text {
    pub(super) is_postgres: bool,
    pub(super) values: Vec<Value>,
}

impl Text {
    /// The place of a value in the statement.
    pub(super) fn place(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    pub(super) fn statement(self, sql: String) -> Statement {
        let backend = if self.is_postgres {
            DbBackend::Postgres
        } else {
            DbBackend::Sqlite
        };
        Statement::from_sql_and_values(backend, sql, self.values)
    }
}
