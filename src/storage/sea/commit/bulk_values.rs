//! Many rows in one statement.
//!
//! PostgreSQL takes each column as an array (`UNNEST($1, $2, …)`): one statement text for any number of rows, planned
//! once. SQLite takes `VALUES (?, …), …`; its rows are cut into a few fixed sizes, so that its prepared statements are few
//! as well.

use std::fmt::Write;

use sea_orm::sea_query::ArrayType;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult, Statement, Value};

/// Numbers of rows per SQLite statement. The maximum is bounded by 32,766 parameters per statement.
const SQLITE_ROWS: [usize; 5] = [512, 128, 32, 8, 1];

/// The sizes of statements that pass over rows without a first value: what is missing is filled up with those.
const SQLITE_FILLED: [usize; 7] = [1, 8, 32, 64, 128, 256, FILLED_ROWS_MAX];
/// Maximum number of rows of such a statement.
pub(crate) const FILLED_ROWS_MAX: usize = 512;

/// Placeholder of a missing text in PostgreSQL's arrays, `chr(1)` in its statements: JSON, names and keys contain no
/// control characters, and handlers' errors are cleaned of them.
const NO_TEXT: &str = "\u{1}";

/// Type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Uuid,
    /// A UUID or NULL.
    UuidOrNull,
    Text,
    /// Text or NULL.
    TextOrNull,
    Small,
    Int,
    Big,
    /// A number or NULL.
    BigOrNull,
    Bool,
    Bytes,
}

/// Rows of the same columns.
pub(crate) struct Rows {
    kinds: &'static [Kind],
    cells: Vec<Value>,
}

impl Rows {
    /// No rows of these columns.
    pub(crate) fn new(kinds: &'static [Kind], capacity: usize) -> Self {
        Self {
            kinds,
            cells: Vec::with_capacity(kinds.len() * capacity),
        }
    }

    /// Adds a row: a value for each column.
    pub(crate) fn push<const N: usize>(&mut self, row: [Value; N]) {
        debug_assert_eq!(N, self.kinds.len(), "a value for each column");
        self.cells.extend(row);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.cells.len() / self.kinds.len()
    }

    /// These rows as a part of a longer SQLite statement: their source, filled up to so many rows with NULLs, and what is
    /// bound to it.
    pub(crate) fn sqlite_part(self, rows: usize, values: &mut Vec<Value>) -> String {
        let columns = self.kinds.len();
        let missing = (rows * columns).saturating_sub(self.cells.len());
        values.extend(self.cells);
        values.extend(std::iter::repeat_n(Value::BigInt(None), missing));
        sqlite_source(rows, columns)
    }

    /// These rows as a part of a longer PostgreSQL statement: their source, and what is bound to it after what is already.
    pub(crate) fn postgres_part(self, values: &mut Vec<Value>) -> String {
        let source = postgres_source(self.kinds, values.len());
        values.extend(self.arrays());
        source
    }

    /// These rows, at most [`FILLED_ROWS_MAX`], as a part of a statement that passes over rows without a first value.
    pub(crate) fn filled_part(self, backend: DbBackend, values: &mut Vec<Value>) -> String {
        if backend == DbBackend::Postgres {
            return self.postgres_part(values);
        }
        let size = SQLITE_FILLED.into_iter().find(|size| *size >= self.len());
        self.sqlite_part(size.unwrap_or(FILLED_ROWS_MAX), values)
    }

    /// Runs a statement for all rows and returns the number of changed ones. `sql` is given the source of the rows, a table
    /// expression whose columns are `c1`, `c2`, ….
    pub(crate) async fn execute(
        self,
        connection: &impl ConnectionTrait,
        sql: impl Fn(&str) -> String,
    ) -> Result<u64, DbErr> {
        let mut changed = 0;
        for statement in self.statements(connection.get_database_backend(), sql) {
            changed += connection.execute_raw(statement).await?.rows_affected();
        }
        Ok(changed)
    }

    /// As [`Self::execute`], for a statement that passes over rows without a first value: on SQLite, where each statement is a
    /// message between two threads, there are as few of them as can be.
    pub(crate) async fn execute_filled(
        mut self,
        connection: &impl ConnectionTrait,
        sql: impl Fn(&str) -> String,
    ) -> Result<u64, DbErr> {
        if connection.get_database_backend() == DbBackend::Postgres || self.is_empty() {
            return self.execute(connection, sql).await;
        }
        let columns = self.kinds.len();
        let mut changed = 0;
        while !self.is_empty() {
            let rest = self.cells.split_off(self.cells.len().min(FILLED_ROWS_MAX * columns));
            let part = Self {
                kinds: self.kinds,
                cells: std::mem::replace(&mut self.cells, rest),
            };
            let mut values = Vec::new();
            let source = part.filled_part(DbBackend::Sqlite, &mut values);
            let statement = Statement::from_sql_and_values(DbBackend::Sqlite, sql(&source), values);
            changed += connection.execute_raw(statement).await?.rows_affected();
        }
        Ok(changed)
    }

    /// Runs a statement for all rows and returns its rows.
    pub(crate) async fn query(
        self,
        connection: &impl ConnectionTrait,
        sql: impl Fn(&str) -> String,
    ) -> Result<Vec<QueryResult>, DbErr> {
        let mut rows = Vec::new();
        for statement in self.statements(connection.get_database_backend(), sql) {
            rows.extend(connection.query_all_raw(statement).await?);
        }
        Ok(rows)
    }

    fn statements(self, backend: DbBackend, sql: impl Fn(&str) -> String) -> Vec<Statement> {
        if self.cells.is_empty() {
            return Vec::new();
        }
        if backend == DbBackend::Postgres {
            return vec![self.postgres_statement(sql)];
        }
        let columns = self.kinds.len();
        let mut left = self.cells.len() / columns;
        let mut cells = self.cells.into_iter();
        let mut statements = Vec::new();
        while left > 0 {
            // The last size is 1, so there is always one that fits.
            let rows = SQLITE_ROWS.into_iter().find(|rows| *rows <= left).unwrap_or(1);
            left -= rows;
            let values: Vec<Value> = cells.by_ref().take(rows * columns).collect();
            statements.push(Statement::from_sql_and_values(
                backend,
                sql(&sqlite_source(rows, columns)),
                values,
            ));
        }
        statements
    }

    fn postgres_statement(self, sql: impl Fn(&str) -> String) -> Statement {
        let sql = sql(&postgres_source(self.kinds, 0));
        Statement::from_sql_and_values(DbBackend::Postgres, sql, self.arrays())
    }

    /// The columns, each as an array.
    fn arrays(self) -> Vec<Value> {
        let columns = self.kinds.len();
        let rows = self.cells.len() / columns;
        let mut arrays: Vec<Vec<Value>> = (0..columns).map(|_| Vec::with_capacity(rows)).collect();
        for (index, cell) in self.cells.into_iter().enumerate() {
            let column = index % columns;
            arrays[column].push(self.kinds[column].without_null(cell));
        }
        arrays
            .into_iter()
            .zip(self.kinds)
            .map(|(array, kind)| Value::Array(kind.array_type(), Some(Box::new(array))))
            .collect()
    }
}

fn sqlite_source(rows: usize, columns: usize) -> String {
    let mut source = String::with_capacity(48 + columns * 16 + rows * (columns * 2 + 3));
    source.push_str("(SELECT ");
    for column in 1..=columns {
        // Writing to a String can't fail.
        let _ = write!(
            source,
            "{}column{column} AS c{column}",
            if column > 1 { ", " } else { "" }
        );
    }
    source.push_str(" FROM (VALUES ");
    let mut row = String::with_capacity(columns * 2 + 2);
    row.push('(');
    row.push_str(&"?,".repeat(columns));
    row.pop();
    row.push_str("),");
    source.push_str(&row.repeat(rows));
    source.pop();
    source.push_str("))");
    source
}

/// Arrays contain no NULLs (the driver does not support them); a value that never occurs represents it. `bound`
/// parameters precede these.
fn postgres_source(kinds: &[Kind], bound: usize) -> String {
    let (mut columns, mut arrays, mut names) = (String::new(), String::new(), String::new());
    for (index, kind) in kinds.iter().enumerate() {
        let (number, comma) = (index + 1, if index > 0 { ", " } else { "" });
        let (array, column) = match kind {
            Kind::Uuid => ("uuid[]", format!("u{number}")),
            Kind::UuidOrNull => (
                "uuid[]",
                format!("NULLIF(u{number}, '00000000-0000-0000-0000-000000000000')"),
            ),
            Kind::Text => ("text[]", format!("u{number}")),
            Kind::TextOrNull => ("text[]", format!("NULLIF(u{number}, chr(1))")),
            Kind::Small => ("smallint[]", format!("u{number}")),
            Kind::Int => ("integer[]", format!("u{number}")),
            Kind::Big => ("bigint[]", format!("u{number}")),
            Kind::BigOrNull => ("bigint[]", format!("NULLIF(u{number}, {})", i64::MIN + 1)),
            Kind::Bool => ("boolean[]", format!("u{number}")),
            Kind::Bytes => ("bytea[]", format!("u{number}")),
        };
        // Writing to a String can't fail.
        let _ = write!(columns, "{comma}{column} AS c{number}");
        let _ = write!(arrays, "{comma}${}::{array}", bound + number);
        let _ = write!(names, "{comma}u{number}");
    }
    format!("(SELECT {columns} FROM UNNEST({arrays}) AS u({names}))")
}

impl Kind {
    fn array_type(self) -> ArrayType {
        match self {
            Self::Uuid | Self::UuidOrNull => ArrayType::Uuid,
            Self::Text | Self::TextOrNull => ArrayType::String,
            Self::Small => ArrayType::SmallInt,
            Self::Int => ArrayType::Int,
            Self::Big | Self::BigOrNull => ArrayType::BigInt,
            Self::Bool => ArrayType::Bool,
            Self::Bytes => ArrayType::Bytes,
        }
    }

    fn without_null(self, value: Value) -> Value {
        match (self, value) {
            (Self::UuidOrNull, Value::Uuid(None)) => Value::Uuid(Some(uuid::Uuid::nil())),
            (Self::TextOrNull, Value::String(None)) => Value::String(Some(NO_TEXT.to_owned())),
            (Self::BigOrNull, Value::BigInt(None)) => Value::BigInt(Some(i64::MIN + 1)),
            (_, value) => value,
        }
    }
}
