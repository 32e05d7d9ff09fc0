//! Queries of a database beside the measured server.

use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};

/// The row of a query.
pub(crate) async fn one(connection: &DatabaseConnection, sql: &str) -> QueryResult {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.expect("a response");
    row.expect("a row")
}

/// The number of a query.
pub(crate) async fn number(connection: &DatabaseConnection, sql: &str) -> i64 {
    one(connection, sql).await.try_get_by_index(0).expect("a number")
}

/// The two numbers of a query.
pub(crate) async fn pair(connection: &DatabaseConnection, sql: &str) -> (i64, i64) {
    let row = one(connection, sql).await;
    (
        row.try_get_by_index(0).expect("a number"),
        row.try_get_by_index(1).expect("a number"),
    )
}
