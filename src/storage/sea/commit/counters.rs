//! Counters: jobs by queue, type, status and priority, their totals, the activity of queues
//! ([`super::activity_writer`]), and the rollups of [`super::rollup_writer`].
//!
//! `job_totals` has the same counts of all types of a queue, of all queues, and of both: an empty name means all. On
//! a server with many queues and types a list reads a few of its rows instead of all counters.
//!
//! A commit collects the actual changes of its statements and writes the differences at its end, in the order of the
//! keys: two nodes that write the same rows wait for each other without a deadlock.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};

use super::activity_writer::ActivityRows;
use super::bulk_values::{Kind, Rows};
use super::fingerprint_writer::seen_sql;
use super::rollup_writer::{RollupRows, counts_sql, reasons_sql, step_totals_sql, steps_sql, totals_sql};
use crate::domain::job::Job;
use crate::domain::job::attempt::Attempt;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::rollup::RollupEntry;
use crate::domain::metrics::rollup_delta::RollupDelta;
use crate::domain::values::name::{JobType, QueueName};
use crate::storage::failure_reason_limiter::FailureReasonLimiter;

const COUNTER: &[Kind] = &[Kind::Text, Kind::Text, Kind::Small, Kind::Small, Kind::Small, Kind::Big];

/// Changes of the counters by one commit.
#[derive(Default)]
pub(crate) struct Counters {
    jobs: BTreeMap<CounterKey, i64>,
    /// Changes of the rollups by new jobs, starts and completions.
    pub(crate) rollups: RollupDelta,
}

/// Key of the counters of jobs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CounterKey {
    queue: QueueName,
    job_type: JobType,
    status: i16,
    priority: i16,
}

impl Counters {
    /// A new job.
    pub(crate) fn created(&mut self, job: &Job) {
        self.add(job);
        self.rollups.add_created(job);
    }

    /// An inserted or changed job.
    fn add(&mut self, job: &Job) {
        self.count(&job.queue, &job.job_type, job.status, job.priority.code(), 1);
    }

    /// A deleted job.
    pub(crate) fn subtract(&mut self, job: &Job) {
        self.count(&job.queue, &job.job_type, job.status, job.priority.code(), -1);
    }

    /// A changed job.
    pub(crate) fn updated(&mut self, before: &Job, after: &Job) {
        self.subtract(before);
        self.add(after);
        if let Some(entry) = RollupEntry::updated(before, after) {
            self.rollups.add(entry, None);
        }
    }

    /// A job whose attempt has started.
    pub(crate) fn started(&mut self, job: &Job) {
        self.moved(JobStatus::Pending, job);
        self.rollups.add(RollupEntry::started(job), None);
    }

    /// A job that had another status.
    fn moved(&mut self, from: JobStatus, job: &Job) {
        self.count(&job.queue, &job.job_type, from, job.priority.code(), -1);
        self.add(job);
    }

    /// Changes the count of jobs of this kind.
    pub(crate) fn count(&mut self, queue: &QueueName, job_type: &JobType, status: JobStatus, priority: i16, by: i64) {
        let key = CounterKey {
            queue: queue.clone(),
            job_type: job_type.clone(),
            status: status.code(),
            priority,
        };
        *self.jobs.entry(key).or_default() += by;
    }

    /// A job whose attempt has ended; `started` is the job after its start, if that is stored with the end.
    pub(crate) fn ended(
        &mut self,
        started: Option<&Job>,
        job: &Job,
        attempt: &Attempt,
        reasons: &FailureReasonLimiter,
    ) {
        match started {
            Some(started) => {
                self.moved(JobStatus::Pending, job);
                self.rollups.add(RollupEntry::started(started), None);
            }
            None => self.moved(JobStatus::Running, job),
        }
        let entry = RollupEntry::ended(job, attempt);
        let reason = reasons.reason(&entry, attempt.error.as_deref());
        self.rollups.add(entry, reason);
    }
}

/// The statement that adds counts of jobs. "WHERE" also shows SQLite that ON belongs to the upsert and not to a join;
/// a row without a queue is padding.
pub(crate) fn count_jobs_sql(source: &str) -> String {
    count_sql("job_counters", source)
}

/// The statement that adds totals of jobs.
pub(crate) fn total_jobs_sql(source: &str) -> String {
    count_sql("job_totals", source)
}

fn count_sql(table: &str, source: &str) -> String {
    format!(
        "INSERT INTO {table} (queue, job_type, status, priority, shard, count) \
         SELECT c1, c2, c3, c4, c5, c6 FROM {source} AS v WHERE c1 IS NOT NULL \
         ON CONFLICT (queue, job_type, status, priority, shard) \
         DO UPDATE SET count = {table}.count + excluded.count"
    )
}

/// Numbers of rows of the counters in a SQLite text, with padding. Few sizes, so that few texts are prepared.
const SQLITE_COUNTER_SIZES: [usize; 2] = [6, 32];
/// The same for totals of jobs.
const SQLITE_TOTAL_SIZES: [usize; 2] = [12, 64];
/// The same for steps of time, and for reasons.
const SQLITE_STEP_SIZES: [usize; 2] = [8, 48];

/// The sizes of a SQLite text.
#[derive(Clone, Copy)]
pub(crate) struct CounterSizes {
    counters: usize,
    totals: usize,
    steps: usize,
}

/// Changes as rows: of jobs, of activity, and of the rollups.
pub(crate) struct CountedRows {
    jobs: Rows,
    totals: Rows,
    activity: ActivityRows,
    rollups: RollupRows,
}

impl CountedRows {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        let Self {
            jobs,
            totals,
            activity,
            rollups,
        } = self;
        jobs.len() + totals.len() + activity.len() + rollups.len()
    }

    /// The sizes of a SQLite text; `None` if there are too many rows.
    pub(crate) fn sqlite_sizes(&self) -> Option<CounterSizes> {
        let Self {
            jobs,
            totals,
            activity,
            rollups,
        } = self;
        let of_counts = [
            jobs.len(),
            activity.counts.len(),
            activity.created.len(),
            rollups.counts.len(),
        ];
        let of_steps = [activity.buckets.len(), rollups.steps.len(), rollups.reasons.len()];
        let longest = |lengths: &[usize]| lengths.iter().copied().max().unwrap_or_default();
        let (counts, steps) = (longest(&of_counts), longest(&of_steps));
        let fitting = |sizes: &[usize], rows: usize| sizes.iter().copied().find(|size| *size >= rows);
        Some(CounterSizes {
            counters: fitting(&SQLITE_COUNTER_SIZES, counts)?,
            totals: fitting(&SQLITE_TOTAL_SIZES, totals.len())?,
            steps: fitting(&SQLITE_STEP_SIZES, steps)?,
        })
    }

    /// Adds these rows to a SQLite text.
    pub(crate) fn sqlite_parts(
        self,
        CounterSizes {
            counters: counter_size,
            totals: total_size,
            steps: step_size,
        }: CounterSizes,
        statements: &mut Vec<String>,
        values: &mut Vec<Value>,
    ) {
        let Self {
            jobs,
            totals: job_totals,
            activity,
            rollups:
                RollupRows {
                    counts,
                    totals,
                    steps,
                    step_totals,
                    reasons,
                    seen,
                },
        } = self;
        statements.push(count_jobs_sql(&jobs.sqlite_part(counter_size, values)));
        statements.push(total_jobs_sql(&job_totals.sqlite_part(total_size, values)));
        activity.sqlite_parts(counter_size, step_size, statements, values);
        if !counts.is_empty() {
            statements.push(counts_sql(&counts.sqlite_part(counter_size, values)));
            // Each has at most as many rows as the counters that it sums up.
            statements.push(totals_sql(&totals.sqlite_part(counter_size, values)));
            statements.push(steps_sql(&steps.sqlite_part(step_size, values)));
            statements.push(step_totals_sql(&step_totals.sqlite_part(step_size, values)));
        }
        if !reasons.is_empty() {
            statements.push(reasons_sql(&reasons.sqlite_part(step_size, values)));
            // There are no more of them than of reasons.
            statements.push(seen_sql(&seen.sqlite_part(step_size, values), DbBackend::Sqlite));
        }
    }

    /// Adds the changes to the stored counters, table by table. Returns the number of rows.
    pub(crate) async fn write_each(self, connection: &impl ConnectionTrait) -> Result<u64, DbErr> {
        let Self {
            jobs,
            totals,
            activity,
            rollups,
        } = self;
        Ok(jobs.execute(connection, count_jobs_sql).await?
            + totals.execute(connection, total_jobs_sql).await?
            + activity.write(connection).await?
            + rollups.write(connection).await?)
    }

    /// Adds the changes to the stored counters: on SQLite in one call if possible, because each is a message between
    /// two threads.
    pub(crate) async fn write(self, connection: &impl ConnectionTrait) -> Result<(), DbErr> {
        let backend = connection.get_database_backend();
        match self.sqlite_sizes() {
            _ if self.len() == 0 => {}
            Some(sizes) if backend == DbBackend::Sqlite => {
                let (mut statements, mut values) = (Vec::new(), Vec::new());
                self.sqlite_parts(sizes, &mut statements, &mut values);
                let statement = Statement::from_sql_and_values(backend, statements.join(";"), values);
                connection.execute_raw(statement).await?;
            }
            Some(_) | None => {
                self.write_each(connection).await?;
            }
        }
        Ok(())
    }
}

impl Counters {
    /// The activity as rows.
    pub(crate) fn into_activity(self, shard: i16) -> ActivityRows {
        let RollupDelta { created, activity, .. } = self.rollups;
        ActivityRows::new(activity, created, shard)
    }

    /// The changes as rows.
    pub(crate) fn into_rows(self, shard: i16) -> CountedRows {
        let Self { jobs, mut rollups } = self;
        let (activity, created) = (
            std::mem::take(&mut rollups.activity),
            std::mem::take(&mut rollups.created),
        );
        let activity = ActivityRows::new(activity, created, shard);
        let mut job_rows = Rows::new(COUNTER, jobs.len());
        let mut totals: BTreeMap<(&str, &str, i16, i16), i64> = BTreeMap::new();
        for (key, count) in &jobs {
            let (queue, job_type) = (key.queue.as_str(), key.job_type.as_str());
            for (queue, job_type) in [("", ""), ("", job_type), (queue, "")] {
                *totals.entry((queue, job_type, key.status, key.priority)).or_default() += count;
            }
        }
        let mut total_rows = Rows::new(COUNTER, totals.len());
        for ((queue, job_type, status, priority), count) in totals {
            if count != 0 {
                total_rows.push([
                    queue.into(),
                    job_type.into(),
                    status.into(),
                    priority.into(),
                    shard.into(),
                    count.into(),
                ]);
            }
        }
        for (
            CounterKey {
                queue,
                job_type,
                status,
                priority,
            },
            count,
        ) in jobs
        {
            if count != 0 {
                job_rows.push([
                    queue.as_str().into(),
                    job_type.as_str().into(),
                    status.into(),
                    priority.into(),
                    shard.into(),
                    count.into(),
                ]);
            }
        }
        CountedRows {
            jobs: job_rows,
            totals: total_rows,
            activity,
            rollups: RollupRows::new(rollups, shard),
        }
    }
}
