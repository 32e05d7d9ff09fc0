//! Payloads of data sync: the selected fields of changed jobs.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::domain::job::Job;
use crate::domain::values::id::JobId;
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::sync_field::SyncField;
use crate::views::job::JobItem;
use crate::views::values::{Id, Raw};

#[derive(Serialize)]
struct Batch<'a> {
    jobs: Vec<ChangedJob<'a>>,
    cursor: String,
}

struct ChangedJob<'a> {
    id: JobId,
    job: Option<&'a Job>,
    fields: &'a [SyncField],
}

impl Serialize for ChangedJob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &Id::from(self.id))?;
        let Some(job) = self.job else {
            map.serialize_entry("status", "deleted")?;
            return map.end();
        };
        let view = JobItem::from(job);
        map.serialize_entry("status", &view.status)?;
        for field in self.fields {
            let name = field.as_str();
            match field {
                SyncField::Id | SyncField::Status => {}
                SyncField::ExecutedAt => map.serialize_entry(name, &view.executed_at)?,
                SyncField::Duration => map.serialize_entry(name, &view.duration)?,
                SyncField::Name => map.serialize_entry(name, view.name)?,
                SyncField::Type => map.serialize_entry(name, view.job_type)?,
                SyncField::Queue => map.serialize_entry(name, view.queue)?,
                SyncField::Priority => map.serialize_entry(name, &view.priority)?,
                SyncField::CreatedAt => map.serialize_entry(name, &view.created_at)?,
                SyncField::RunAt => map.serialize_entry(name, &view.run_at)?,
                SyncField::CompletedAt => map.serialize_entry(name, &view.completed_at)?,
                SyncField::Attempt => map.serialize_entry(name, &view.attempt)?,
                SyncField::RetryCount => map.serialize_entry(name, &view.retry_count)?,
                SyncField::Error => map.serialize_entry(name, &view.error)?,
                SyncField::Result => map.serialize_entry(name, &job.result.as_ref().map(Raw))?,
                SyncField::Parameters => map.serialize_entry(name, &Raw(&job.parameters))?,
                SyncField::RecurringJobId => map.serialize_entry(name, &view.recurring_job_id)?,
            }
        }
        map.end()
    }
}

/// The body for these jobs; a deleted job has only its id.
pub(crate) fn batch(jobs: &[(JobId, Option<Arc<Job>>)], cursor: FeedCursor, fields: &[SyncField]) -> String {
    let jobs = jobs.iter().map(|(id, job)| ChangedJob {
        id: *id,
        job: job.as_deref(),
        fields,
    });
    let batch = Batch {
        jobs: jobs.collect(),
        cursor: cursor.to_string(),
    };
    // Texts, numbers and valid JSON always serialise.
    serde_json::to_string(&batch).unwrap_or_default()
}

/// The id of a request for the changes between two cursors: the same when it is repeated.
pub(crate) fn batch_id(from: FeedCursor, to: FeedCursor) -> String {
    format!("sync_{from}_{to}")
}
