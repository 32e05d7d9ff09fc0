//! Releases of jobs that were claimed ahead and have not begun.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::domain::job::Job;
use crate::domain::values::id::NodeId;
use crate::storage::change::{Applied, ChangeError, Released};
use crate::storage::sea::commit::bulk_values::{Kind, Rows};
use crate::storage::sea::commit::context::CommitContext;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::mapping::{count, int, micros};

const RELEASE: &[Kind] = &[Kind::Uuid, Kind::UuidOrNull, Kind::Int, Kind::Big];

/// The statement that ends claims, by rows of `RELEASE`; as to `status + 0`, see `attempts::start_sql`. The case prevents
/// SQLite from reading all claimed jobs.
fn release_sql(source: &str) -> String {
    format!(
        "UPDATE jobs SET claimed_by = NULL, status = CASE WHEN cancel_requested THEN 4 ELSE 0 END, \
         finished_at = CASE WHEN cancel_requested THEN v.c4 ELSE finished_at END, \
         revision = revision + CASE WHEN cancel_requested THEN 1 ELSE 0 END, cancel_requested = false \
         FROM {source} AS v WHERE jobs.id = v.c1 AND jobs.status + 0 = 0 AND jobs.attempt = v.c3 \
         AND CASE WHEN jobs.claimed_by = v.c2 THEN 1 ELSE 0 END = 1 RETURNING jobs.id, jobs.status, jobs.revision"
    )
}

impl CommitContext<'_> {
    pub(crate) async fn release_jobs(
        &mut self,
        jobs: &[Arc<Job>],
        now: DateTime<Utc>,
    ) -> Result<Result<Applied, ChangeError>, CommitFailure> {
        let mut rows = Rows::new(RELEASE, jobs.len());
        for job in jobs {
            rows.push([
                job.id.as_uuid().into(),
                job.claimed_by.map(NodeId::as_uuid).into(),
                int(job.attempt).into(),
                micros(now).into(),
            ]);
        }
        let mut stored: HashMap<Uuid, (i16, i32)> = HashMap::with_capacity(jobs.len());
        for row in rows.query(&self.transaction, release_sql).await? {
            stored.insert(
                row.try_get_by_index(0)?,
                (row.try_get_by_index(1)?, row.try_get_by_index(2)?),
            );
        }
        let mut released = Vec::with_capacity(jobs.len());
        for job in jobs {
            released.push(match stored.get(&job.id.as_uuid()) {
                None => Released::Lost,
                Some((0, _)) => Released::Pending,
                Some((_, revision)) => {
                    let cancelled = Job {
                        cancel_requested: true,
                        revision: count(*revision).saturating_sub(1),
                        ..Job::clone(job)
                    }
                    .release(now);
                    self.counters.updated(job, &cancelled);
                    Released::Cancelled(Arc::new(cancelled))
                }
            });
        }
        Ok(Ok(Applied::Released(released)))
    }
}
