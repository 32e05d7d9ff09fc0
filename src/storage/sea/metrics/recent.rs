//! Tables of recent rollups, whose rows are taken and packed once their time has passed.

use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};

use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::commit::rollup_writer::SUMS;
use crate::storage::sea::error::CommitFailure;

/// Maximum number of rows of each table that one step takes.
const STEP_ROWS: i64 = 500;
/// Held on PostgreSQL while a node packs: "rollups" in ASCII.
const LOCK: i64 = 0x72_6f6c_6c75_7073;

/// A table of recent rollups.
pub(super) struct Recent {
    pub(super) table: &'static str,
    /// The primary key. Its first column is the time.
    pub(super) key: &'static [&'static str],
    /// Number of quarters of an hour in a time bucket of this table.
    pub(super) quarters: i64,
    pub(super) values: &'static [&'static str],
}

pub(super) const RECENT: [Recent; 6] = [
    Recent {
        table: "job_rollups",
        key: &["slot", "queue", "job_type", "shard"],
        quarters: 1,
        values: &SUMS,
    },
    Recent {
        table: "rollup_totals",
        key: &["slot", "shard"],
        quarters: 1,
        values: &SUMS,
    },
    Recent {
        table: "job_time_steps",
        key: &["hour", "queue", "job_type", "measure", "bucket", "shard"],
        quarters: 4,
        values: &["count"],
    },
    Recent {
        table: "time_step_totals",
        key: &["hour", "measure", "bucket", "shard"],
        quarters: 4,
        values: &["count"],
    },
    Recent {
        table: "failure_reasons",
        key: &["hour", "queue", "job_type", "reason", "shard"],
        quarters: 4,
        values: &["count"],
    },
    // Without a table of totals: only the last quarters are here.
    Recent {
        table: "created_jobs",
        key: &["slot", "queue", "job_type", "shard"],
        quarters: 1,
        values: &["count"],
    },
];

impl Recent {
    pub(super) fn time(&self) -> &'static str {
        self.key[0]
    }

    /// The statement that reads the oldest rows before `$1`. On PostgreSQL it removes them as well: what another node adds
    /// meanwhile stays. Rows that a commit holds are left for later.
    fn take_sql(&self, backend: DbBackend) -> String {
        let (table, time, key) = (self.table, self.time(), self.key.join(", "));
        let columns: Vec<&str> = self.key.iter().chain(self.values).copied().collect();
        let oldest = format!("FROM {table} WHERE {time} < $1 ORDER BY {key} LIMIT {STEP_ROWS}");
        if backend != DbBackend::Postgres {
            return format!("SELECT {} {oldest}", columns.join(", "));
        }
        let same: Vec<String> = self
            .key
            .iter()
            .map(|column| format!("r.{column} = t.{column}"))
            .collect();
        let columns: Vec<String> = columns.iter().map(|column| format!("r.{column}")).collect();
        format!(
            "WITH taken AS MATERIALIZED (SELECT {key} {oldest} FOR UPDATE SKIP LOCKED) \
             DELETE FROM {table} AS r USING taken AS t WHERE {} RETURNING {}",
            same.join(" AND "),
            columns.join(", ")
        )
    }

    /// The statement that removes the rows up to the last one that was read on SQLite.
    fn remove(&self, last: &QueryResult) -> Result<Statement, CommitFailure> {
        let mut values: Vec<Value> = Vec::with_capacity(self.key.len());
        for (index, column) in self.key.iter().enumerate() {
            values.push(match *column {
                "queue" | "job_type" | "reason" => last.try_get_by_index::<String>(index)?.into(),
                _ => last.try_get_by_index::<i64>(index)?.into(),
            });
        }
        let places: Vec<String> = (1..=values.len()).map(|place| format!("${place}")).collect();
        let sql = format!(
            "DELETE FROM {} WHERE ({}) <= ({})",
            self.table,
            self.key.join(", "),
            places.join(", ")
        );
        Ok(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values))
    }
}

impl CommitContext<'_> {
    /// Returns whether this node packs now. On PostgreSQL one does at a time: what two nodes add to a row must not be lost.
    pub(super) async fn may_pack(&self) -> Result<bool, CommitFailure> {
        if self.backend() != DbBackend::Postgres {
            return Ok(true);
        }
        let sql = format!("SELECT pg_try_advisory_xact_lock({LOCK})");
        let locked = Statement::from_string(self.backend(), sql);
        Ok(match self.transaction.query_one_raw(locked).await? {
            Some(row) => row.try_get_by_index::<bool>(0)?,
            None => false,
        })
    }

    /// Removes the oldest rows of a table before a time, in the unit of its first column, and returns them.
    pub(super) async fn take_oldest(&self, recent: &Recent, end: i64) -> Result<Vec<QueryResult>, CommitFailure> {
        let take = Statement::from_sql_and_values(self.backend(), recent.take_sql(self.backend()), [end.into()]);
        let rows = self.transaction.query_all_raw(take).await?;
        if let Some(last) = rows.last().filter(|_| self.backend() == DbBackend::Sqlite) {
            self.transaction.execute_raw(recent.remove(last)?).await?;
        }
        Ok(rows)
    }
}
