//! What is counted: jobs by queue, type, status and priority, what queues complete, and the sums of [`super::tally`].
//!
//! A commit gathers what its statements have really changed and writes the differences at its end, in the order of the
//! keys: two nodes that write the same rows wait for each other and never lock each other out.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::commit::Commit;
use super::error::CommitFailure;
use super::rows::{Kind, Rows};
use super::tally::TallyRows;
use crate::domain::attempt::Attempt;
use crate::domain::job::Job;
use crate::domain::name::{JobType, QueueName};
use crate::domain::rollup::{Mark, Tally};
use crate::domain::status::JobStatus;
use crate::storage::reason_book::ReasonBook;

/// How many seconds one bucket of a queue's throughput spans.
pub(super) const BUCKET_SECONDS: i64 = 5;

const COUNTER: &[Kind] = &[Kind::Text, Kind::Text, Kind::Small, Kind::Small, Kind::Small, Kind::Big];
const THROUGHPUT: &[Kind] = &[Kind::Text, Kind::Big, Kind::Small, Kind::Big];

/// What one commit has changed of the counts.
#[derive(Default)]
pub(super) struct Counters {
    jobs: BTreeMap<CounterKey, i64>,
    completed: BTreeMap<(QueueName, i64), i64>,
    /// What starts and ends add to the sums over time.
    pub(super) tally: Tally,
}

/// What jobs are counted by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CounterKey {
    queue: QueueName,
    job_type: JobType,
    status: i16,
    priority: i16,
}

impl Counters {
    /// A job that is there now.
    pub(super) fn add(&mut self, job: &Job) {
        self.count(&job.queue, &job.job_type, job.status, job.priority.code(), 1);
    }

    /// A job that was there.
    pub(super) fn subtract(&mut self, job: &Job) {
        self.count(&job.queue, &job.job_type, job.status, job.priority.code(), -1);
    }

    /// A job that was changed by somebody.
    pub(super) fn updated(&mut self, before: &Job, after: &Job) {
        self.subtract(before);
        self.add(after);
        if let Some(mark) = Mark::updated(before, after) {
            self.tally.add(mark, None);
        }
    }

    /// A job whose attempt has started.
    pub(super) fn started(&mut self, job: &Job) {
        self.moved(JobStatus::Pending, job);
        self.tally.add(Mark::started(job), None);
    }

    /// A job that had another status.
    fn moved(&mut self, from: JobStatus, job: &Job) {
        self.count(&job.queue, &job.job_type, from, job.priority.code(), -1);
        self.add(job);
    }

    /// So many jobs of a kind.
    pub(super) fn count(&mut self, queue: &QueueName, job_type: &JobType, status: JobStatus, priority: i16, by: i64) {
        let key = CounterKey {
            queue: queue.clone(),
            job_type: job_type.clone(),
            status: status.code(),
            priority,
        };
        *self.jobs.entry(key).or_default() += by;
    }

    /// A job whose attempt has ended.
    pub(super) fn ended(&mut self, job: &Job, attempt: &Attempt, reasons: &ReasonBook) {
        self.moved(JobStatus::Running, job);
        let mark = Mark::ended(job, attempt);
        let reason = reasons.reason(&mark, attempt.error.as_deref());
        self.tally.add(mark, reason);
        if job.status == JobStatus::Completed {
            self.completed(&job.queue, job.finished_at.unwrap_or(attempt.started_at));
        }
    }

    /// A job that was completed.
    fn completed(&mut self, queue: &QueueName, at: DateTime<Utc>) {
        *self.completed.entry((queue.clone(), bucket(at))).or_default() += 1;
    }
}

/// The bucket that a time falls in.
pub(super) fn bucket(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(BUCKET_SECONDS)
}

/// The statement that adds counts of jobs. "WHERE" also tells SQLite that ON belongs to the upsert and not to a join; a row
/// without a queue fills up the source.
pub(super) fn count_jobs_sql(source: &str) -> String {
    format!(
        "INSERT INTO job_counters (queue, job_type, status, priority, shard, count) \
         SELECT c1, c2, c3, c4, c5, c6 FROM {source} AS v WHERE c1 IS NOT NULL \
         ON CONFLICT (queue, job_type, status, priority, shard) \
         DO UPDATE SET count = job_counters.count + excluded.count"
    )
}

/// The statement that adds counts of completions.
pub(super) fn count_completed_sql(source: &str) -> String {
    format!(
        "INSERT INTO queue_throughput (queue, bucket, shard, completed) \
         SELECT c1, c2, c3, c4 FROM {source} AS v WHERE c1 IS NOT NULL \
         ON CONFLICT (queue, bucket, shard) \
         DO UPDATE SET completed = queue_throughput.completed + excluded.completed"
    )
}

impl Counters {
    /// What was counted, as rows: of jobs, of completions, and the sums over time.
    pub(super) fn into_rows(self, shard: i16) -> (Rows, Rows, TallyRows) {
        let Self { jobs, completed, tally } = self;
        let mut job_rows = Rows::new(COUNTER, jobs.len());
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
        let mut completed_rows = Rows::new(THROUGHPUT, completed.len());
        for ((queue, bucket), count) in completed {
            completed_rows.push([queue.as_str().into(), bucket.into(), shard.into(), count.into()]);
        }
        (job_rows, completed_rows, TallyRows::new(tally, shard))
    }
}

impl Commit<'_> {
    pub(super) async fn write_counters(&mut self) -> Result<(), CommitFailure> {
        let (jobs, completed, tally) = std::mem::take(&mut self.counters).into_rows(self.repository.shard);
        jobs.execute(&self.transaction, count_jobs_sql).await?;
        completed.execute(&self.transaction, count_completed_sql).await?;
        tally.write(&self.transaction).await?;
        Ok(())
    }
}
