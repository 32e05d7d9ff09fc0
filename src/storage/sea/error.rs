//! Classification of the database's errors.

use std::time::Duration;

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};

use crate::domain::metrics::storage_fault::StorageFault;
use crate::storage::change::ChangeError;
use crate::storage::repository::RepositoryError;

/// Why a commit did not succeed.
pub(crate) enum CommitFailure {
    /// The database can't do it now.
    Unavailable(RepositoryError),
    /// Another server's commit and this one waited for each other, and the database has ended this one. Nothing of it
    /// is applied, and it can be tried again at once.
    InTheWay(RepositoryError),
    /// One of the changes is bad.
    Bad(ChangeError),
}

impl From<DbErr> for CommitFailure {
    fn from(error: DbErr) -> Self {
        if is_about_a_value(&error) {
            Self::Bad(ChangeError::Rejected { reason: text(&error) })
        } else if is_about_another_commit(&error) {
            Self::InTheWay(not_written(&error))
        } else {
            Self::Unavailable(not_written(&error))
        }
    }
}

impl From<RepositoryError> for CommitFailure {
    fn from(error: RepositoryError) -> Self {
        Self::Unavailable(error)
    }
}

/// The database could not be read. `Pools` knows the time of what was stopped, and whether all connections are busy or none
/// can be made.
pub(super) fn unavailable(error: &DbErr) -> RepositoryError {
    if is_late(error) {
        return RepositoryError::Busy;
    }
    if is_stopped(error) {
        return RepositoryError::TimedOut { time: Duration::ZERO };
    }
    not_written(error)
}

/// The database could not be written, or not be reached at all.
pub(super) fn not_written(error: &DbErr) -> RepositoryError {
    let reason = text(error);
    match sqlx_error(error).and_then(fault) {
        Some(fault) => RepositoryError::Fault { fault, reason },
        None => RepositoryError::Unavailable { reason },
    }
}

/// The fault of an error, if it is permanent.
fn fault(error: &sqlx::Error) -> Option<StorageFault> {
    let sqlx::Error::Database(database) = error else {
        return None;
    };
    let code = database.code()?;
    if database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return match code.as_ref() {
            // read_only_sql_transaction: a standby, or a database that was set so.
            "25006" => Some(StorageFault::ReadOnly),
            // disk_full
            "53100" => Some(StorageFault::Full),
            // data_corrupted, index_corrupted
            "XX001" | "XX002" => Some(StorageFault::Corrupt),
            _ => None,
        };
    }
    sqlite_fault(code.parse().ok()?)
}

/// The fault that a result code of SQLite means; the low byte is its kind.
fn sqlite_fault(code: u32) -> Option<StorageFault> {
    match (code, code & 0xff) {
        // SQLITE_READONLY_DBMOVED
        (1_032, _) => Some(StorageFault::FileReplaced),
        // SQLITE_IOERR_SHORT_READ: the file ends where a page should be. CORRUPT, NOTADB.
        (522, _) | (_, 11 | 26) => Some(StorageFault::Corrupt),
        (_, 8) => Some(StorageFault::ReadOnly),
        (_, 13) => Some(StorageFault::Full),
        _ => None,
    }
}

/// A row holds what this program never writes.
pub(super) fn corrupt(reason: impl Into<String>) -> RepositoryError {
    RepositoryError::Corrupt { reason: reason.into() }
}

/// The message of the database, without those of the layers between.
pub(super) fn text(error: &DbErr) -> String {
    match sqlx_error(error) {
        Some(error) => sqlx_text(error),
        None => error.to_string(),
    }
}

/// The message of the database to the driver.
pub(super) fn sqlx_text(error: &sqlx::Error) -> String {
    if let sqlx::Error::Database(error) = error {
        let message = error.message();
        // Statements with names that another client of a pooler has made, or has not: 42P05, 26000 of SQLSTATE.
        if matches!(error.code().as_deref(), Some("42P05" | "26000")) {
            return format!("{message}; behind a pooler in transaction mode (PgBouncer) set database.pgbouncer = true");
        }
        return message.to_owned();
    }
    if let sqlx::Error::Io(error) = error {
        // The cause of the connection failure, without the outer message.
        return error.to_string();
    }
    error.to_string()
}

/// A URL as it may be shown.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // A password may itself hold an '@'; the last one ends it.
    match rest.rsplit_once('@') {
        Some((login, host)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}")
        }
        None => url.to_owned(),
    }
}

pub(super) fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    if let DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error)) = error
    {
        Some(error)
    } else {
        None
    }
}

/// `true` if the statement itself was invalid for the stored data (a constraint, a value out of range), so that the
/// same commit would fail again.
fn is_about_a_value(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(database)) = sqlx_error(error) else {
        return false;
    };
    let Some(code) = database.code() else { return false };
    if database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        // Classes 22 (data) and 23 (integrity) of SQLSTATE.
        return code.starts_with("22") || code.starts_with("23");
    }
    // SQLite's primary result code is the low byte: 18 too big, 19 constraint, 20 mismatch, 25 range.
    code.parse::<u32>()
        .is_ok_and(|code| matches!(code & 0xff, 18 | 19 | 20 | 25))
}

/// `true` if no connection was free in time.
fn is_late(error: &DbErr) -> bool {
    matches!(error, DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
        || matches!(sqlx_error(error), Some(sqlx::Error::PoolTimedOut))
}

/// `true` if a statement was cancelled by its timeout.
fn is_stopped(error: &DbErr) -> bool {
    let Some(error) = sqlx_error(error) else { return false };
    let sqlx::Error::Database(database) = error else {
        return false;
    };
    let Some(code) = database.code() else { return false };
    if database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        // query_canceled
        return code == "57014";
    }
    // SQLITE_INTERRUPT
    code.parse::<u32>().is_ok_and(|code| code & 0xff == 9)
}

/// `true` if SQLite can only read the file: its primary result code 8.
pub(super) fn is_read_only(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(database)) = sqlx_error(error) else {
        return false;
    };
    let code = database.code().and_then(|code| code.parse::<u32>().ok());
    database.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() && code.is_some_and(|code| code & 0xff == 8)
}

/// `true` if PostgreSQL has rolled back the transaction in favor of another one: 40001, 40P01 (deadlock) of SQLSTATE.
fn is_about_another_commit(error: &DbErr) -> bool {
    let Some(sqlx::Error::Database(database)) = sqlx_error(error) else {
        return false;
    };
    database.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some()
        && matches!(database.code().as_deref(), Some("40001" | "40P01"))
}

/// `true` if a unique index was violated.
pub(super) fn is_unique_violation(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(sea_orm::SqlErr::UniqueConstraintViolation(_)))
}

#[cfg(test)]
mod tests {
    use super::{sqlite_fault, without_password};
    use crate::domain::metrics::storage_fault::StorageFault;

    #[test]
    fn result_codes_of_faults_are_distinguished_from_transient_ones() {
        for (code, fault) in [
            (11, Some(StorageFault::Corrupt)),
            (267, Some(StorageFault::Corrupt)),
            (26, Some(StorageFault::Corrupt)),
            (522, Some(StorageFault::Corrupt)),
            (8, Some(StorageFault::ReadOnly)),
            (264, Some(StorageFault::ReadOnly)),
            (1_032, Some(StorageFault::FileReplaced)),
            (13, Some(StorageFault::Full)),
            (5, None),
            (10, None),
            (14, None),
        ] {
            assert_eq!(sqlite_fault(code), fault, "{code}");
        }
    }

    #[test]
    fn an_error_contains_no_password() {
        assert_eq!(
            without_password("postgres://me:secret@host/db"),
            "postgres://me@host/db"
        );
        assert_eq!(
            without_password("postgres://me:s@cret@host/db"),
            "postgres://me@host/db"
        );
        assert_eq!(without_password("postgres://host/db"), "postgres://host/db");
    }
}
