//! Epochs of counter rows on PostgreSQL.
//!
//! Every commit updates the same few rows of the counters. Each update leaves a dead version behind, and finding a row
//! passes over its dead versions. Vacuum removes none of them while a snapshot is held open elsewhere (a backup, a
//! report), so commits would become slower and slower. A node therefore counts in rows of its own for some commits, an
//! epoch, under a negative shard, and then starts the next epoch in new rows.
//!
//! A finished epoch is folded: one statement per table deletes its rows and adds them to the rows of the node's shard.
//! Sums over all shards are exact at any time, also after a crash and when two nodes use the same epoch. Rows that a
//! crash leaves behind are folded by the other nodes, or after the restart.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::{DbBackend, Statement};

use super::activity_writer::ACTIVITY_SUMS;
use super::rollup_writer::SUMS;

/// Maximum number of rows per step: no commit waits for long.
const STEP_ROWS: u64 = 500;
/// Maximum age of an epoch, and interval between two searches for abandoned rows.
const EPOCH_AGE: Duration = Duration::from_secs(600);
/// Number of commits of an epoch for each row that has to be folded: with many queues and types epochs are longer, so
/// that folding remains a small part of all writes.
const COMMITS_PER_ROW: u64 = 4;
/// Maximum length of an epoch, as a multiple of the minimum.
const LENGTH_MAX: u32 = 8;

/// A table of counters.
#[derive(Debug)]
struct Table {
    name: &'static str,
    /// The primary key without the shard.
    key: &'static [&'static str],
    sums: &'static [&'static str],
}

const TABLES: [Table; 10] = [
    Table {
        name: "job_counters",
        key: &["queue", "job_type", "status", "priority"],
        sums: &["count"],
    },
    Table {
        name: "job_totals",
        key: &["queue", "job_type", "status", "priority"],
        sums: &["count"],
    },
    Table {
        name: "activity_slices",
        key: &["slice", "queue"],
        sums: &ACTIVITY_SUMS,
    },
    Table {
        name: "activity_buckets",
        key: &["slice", "queue", "measure", "bucket"],
        sums: &["count"],
    },
    Table {
        name: "created_jobs",
        key: &["slot", "queue", "job_type"],
        sums: &["count"],
    },
    Table {
        name: "job_rollups",
        key: &["slot", "queue", "job_type"],
        sums: &SUMS,
    },
    Table {
        name: "rollup_totals",
        key: &["slot"],
        sums: &SUMS,
    },
    Table {
        name: "job_time_steps",
        key: &["hour", "queue", "job_type", "measure", "bucket"],
        sums: &["count"],
    },
    Table {
        name: "time_step_totals",
        key: &["hour", "measure", "bucket"],
        sums: &["count"],
    },
    Table {
        name: "failure_reasons",
        key: &["hour", "queue", "job_type", "reason"],
        sums: &["count"],
    },
];

/// The columns of keys that are texts.
const TEXTS: [&str; 3] = ["queue", "job_type", "reason"];

/// The shard under which a node counts.
pub(crate) struct CounterEpochs {
    /// The node's shard, to which finished epochs are added.
    shard: i16,
    /// `None` on SQLite, where no version of a row outlives its update.
    epochs: Option<Mutex<Epochs>>,
}

struct Epochs {
    /// Shard of the current epoch.
    current: i16,
    started: Instant,
    commits: u32,
    /// Number of commits after which the current epoch is finished.
    length: u32,
    length_min: u32,
    /// Steps that are left until the finished epochs are folded.
    steps: VecDeque<FoldStep>,
    /// Number of rows folded since the start of the current epoch.
    folded: u64,
    /// Time of the last search for abandoned rows.
    searched: Instant,
}

/// A step of folding.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoldStep {
    table: &'static Table,
    rows: EpochRows,
}

#[derive(Clone, Copy, Debug)]
enum EpochRows {
    /// Rows of an epoch.
    Of(i16),
    /// Rows of all epochs but this one.
    Except(i16),
}

impl CounterEpochs {
    /// A shard without epochs.
    pub(crate) fn none(shard: i16) -> Self {
        Self { shard, epochs: None }
    }

    /// Epochs of at least so many commits. The first shard is random, so that two nodes rarely use the same.
    pub(crate) fn of(shard: i16, length: u32) -> Self {
        let now = Instant::now();
        let current = rand::random_range(i16::MIN..0);
        Self {
            shard,
            epochs: Some(Mutex::new(Epochs {
                current,
                started: now,
                commits: 0,
                length,
                length_min: length,
                steps: steps(EpochRows::Except(current)).collect(),
                folded: 0,
                searched: now,
            })),
        }
    }

    /// The shard of the next commit.
    pub(crate) fn shard(&self) -> i16 {
        self.epochs.as_ref().map_or(self.shard, |epochs| {
            epochs.lock().unwrap_or_else(PoisonError::into_inner).current
        })
    }

    /// Counts a commit. Returns the next step of folding.
    pub(super) fn count_commit(&self) -> Option<FoldStep> {
        let mut epochs = self.epochs.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        epochs.commits = epochs.commits.saturating_add(1);
        if epochs.steps.is_empty() {
            epochs.finish_if_due();
        }
        epochs.steps.pop_front()
    }

    /// The statement of a step.
    pub(super) fn statement(&self, step: FoldStep) -> Statement {
        step.statement(self.shard)
    }

    /// Records the number of rows that a step has folded.
    pub(super) fn record(&self, step: FoldStep, rows: u64) {
        let Some(epochs) = &self.epochs else { return };
        let mut epochs = epochs.lock().unwrap_or_else(PoisonError::into_inner);
        epochs.folded += rows;
        if rows >= STEP_ROWS {
            epochs.steps.push_front(step);
        }
    }
}

impl Epochs {
    /// Starts the next epoch if the current one has all its commits.
    fn finish_if_due(&mut self) {
        if self.commits < self.length && self.started.elapsed() < EPOCH_AGE {
            return;
        }
        let finished = self.current;
        self.current = if finished == i16::MIN { -1 } else { finished - 1 };
        self.started = Instant::now();
        self.commits = 0;
        let length = u32::try_from(self.folded * COMMITS_PER_ROW).unwrap_or(u32::MAX);
        self.length = length.clamp(self.length_min, self.length_min.saturating_mul(LENGTH_MAX));
        self.folded = 0;
        self.steps.extend(steps(EpochRows::Of(finished)));
        if self.searched.elapsed() >= EPOCH_AGE {
            self.searched = self.started;
            self.steps.extend(steps(EpochRows::Except(self.current)));
        }
    }
}

/// A step for each table.
fn steps(rows: EpochRows) -> impl Iterator<Item = FoldStep> {
    TABLES.iter().map(move |table| FoldStep { table, rows })
}

impl FoldStep {
    /// The name of the table.
    pub(super) fn table(self) -> &'static str {
        self.table.name
    }

    /// The statement that adds rows of epochs to this shard, and returns their number.
    fn statement(self, shard: i16) -> Statement {
        let Self {
            table: Table { name, key, sums },
            rows,
        } = self;
        let (condition, epoch) = match rows {
            EpochRows::Of(epoch) => ("shard = $2", epoch),
            EpochRows::Except(epoch) => ("shard <> $2", epoch),
        };
        let columns = key.join(", ");
        let order: Vec<String> = key
            .iter()
            .map(|column| {
                if TEXTS.contains(column) {
                    format!("{column} COLLATE \"C\"")
                } else {
                    (*column).to_owned()
                }
            })
            .collect();
        let each = |of: &dyn Fn(&str) -> String| {
            let parts: Vec<String> = sums.iter().map(|sum| of(sum)).collect();
            parts.join(", ")
        };
        let (added, updated) = (
            each(&|sum| format!("CAST(SUM({sum}) AS bigint)")),
            each(&|sum| format!("{sum} = {name}.{sum} + excluded.{sum}")),
        );
        // Opposite changes of an epoch often cancel each other out.
        let is_change = match sums {
            [sum] => format!("HAVING SUM({sum}) <> 0"),
            _ => String::new(),
        };
        // Rows that another transaction has locked are of a running epoch. Rows of the shard are locked in the order of
        // their keys: nodes wait for each other without a deadlock.
        let sql = format!(
            "WITH old AS (DELETE FROM {name} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {name} \
             WHERE shard < 0 AND {condition} LIMIT {STEP_ROWS} FOR UPDATE SKIP LOCKED)) RETURNING *), \
             added AS (INSERT INTO {name} ({columns}, shard, {}) SELECT {columns}, $1::smallint, {added} FROM old \
             GROUP BY {columns} {is_change} ORDER BY {} \
             ON CONFLICT ({columns}, shard) DO UPDATE SET {updated}) \
             SELECT COUNT(*) FROM old",
            sums.join(", "),
            order.join(", "),
        );
        Statement::from_sql_and_values(DbBackend::Postgres, sql, [shard.into(), epoch.into()])
    }
}
