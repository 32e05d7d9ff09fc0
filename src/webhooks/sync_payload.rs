//! Payloads of data sync: the selected fields of changed jobs.

use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::domain::job::Job;
use crate::domain::values::id::JobId;
use crate::domain::values::timestamp;
use crate::domain::webhooks::change_feed::FeedCursor;
use crate::domain::webhooks::sync_field::SyncField;

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
        map.serialize_entry("id", &self.id.to_string())?;
        let Some(job) = self.job else {
            map.serialize_entry("status", "deleted")?;
            return map.end();
        };
        map.serialize_entry("status", job.status.as_str())?;
        let raw = |json: &crate::domain::values::json::Json| -> Option<Box<RawValue>> {
            RawValue::from_string(json.as_str().to_owned()).ok()
        };
        for field in self.fields {
            let name = field.as_str();
            match field {
                SyncField::Id | SyncField::Status => {}
                SyncField::ExecutedAt => map.serialize_entry(name, &job.started_at.map(timestamp::to_text))?,
                SyncField::Duration => map.serialize_entry(name, &job.duration().map(|span| span.to_string()))?,
                SyncField::Name => map.serialize_entry(name, job.name.as_str())?,
                SyncField::Type => map.serialize_entry(name, job.job_type.as_str())?,
                SyncField::Queue => map.serialize_entry(name, job.queue.as_str())?,
                SyncField::Priority => map.serialize_entry(name, job.priority.as_str())?,
                SyncField::CreatedAt => map.serialize_entry(name, &timestamp::to_text(job.created_at))?,
                SyncField::RunAt => map.serialize_entry(name, &timestamp::to_text(job.due_at))?,
                SyncField::CompletedAt => map.serialize_entry(name, &job.finished_at.map(timestamp::to_text))?,
                SyncField::Attempt => map.serialize_entry(name, &job.attempt)?,
                SyncField::RetryCount => map.serialize_entry(name, &job.retry_count)?,
                SyncField::Error => map.serialize_entry(name, &job.error.as_deref())?,
                SyncField::Result => map.serialize_entry(name, &job.result.as_ref().and_then(raw))?,
                SyncField::Parameters => map.serialize_entry(name, &raw(&job.parameters))?,
                SyncField::RecurringJobId => {
                    let id = job.occurrence.map(|occurrence| occurrence.recurring_id.to_string());
                    map.serialize_entry(name, &id)?;
                }
            }
        }
        map.end()
    }
}

/// The body for these jobs; a deleted job has only its id.
pub fn batch(jobs: &[(JobId, Option<Arc<Job>>)], cursor: FeedCursor, fields: &[SyncField]) -> String {
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
pub fn batch_id(from: FeedCursor, to: FeedCursor) -> String {
    format!("sync_{from}_{to}")
}
