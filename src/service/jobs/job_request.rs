//! Builder of jobs for the embedding program, without a caller and parsed names.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

use super::schedule::Scheduled;
use super::use_cases::Jobs;
use crate::domain::access::caller::Caller;
use crate::domain::job::new_job::{Due, NewJob};
use crate::domain::job::priority::Priority;
use crate::domain::values::json::Json;
use crate::domain::values::name::{InvalidName, JobName, JobType, QueueName, Tag, UniqueKey};
use crate::domain::values::time_span::TimeSpan;
use crate::service::error::ServiceError;

/// A [`JobRequest`] was not scheduled.
#[derive(Debug, thiserror::Error)]
pub enum JobRequestError {
    /// A name is invalid.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The parameters can't be serialised.
    #[error("the parameters cannot be written as JSON: {0}")]
    Parameters(#[from] serde_json::Error),
    /// A duration is too long to be stored.
    #[error("{field} is too long: {value:?}")]
    Duration {
        /// Method of the builder.
        field: &'static str,
        /// The invalid value.
        value: Duration,
    },
    /// The server rejected the job, or could not store it.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// A job to be scheduled by the embedding program; unset fields have the values of the job type's configuration. The first
/// value that is not allowed is reported by [`JobRequest::schedule`].
///
/// ```no_run
/// # async fn example(server: tickerq::Server) -> Result<(), Box<dyn std::error::Error>> {
/// let scheduled = server
///     .jobs()
///     .request("InvoiceJob")
///     .parameters(&serde_json::json!({"customer": 4711}))
///     .queue("billing")
///     .delay(std::time::Duration::from_secs(60))
///     .schedule()
///     .await?;
/// println!("{}", scheduled.job.id);
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is scheduled before `schedule` is called"]
pub struct JobRequest {
    jobs: Jobs,
    new: Result<NewJob, JobRequestError>,
}

impl Jobs {
    /// Starts a request for a job of this type.
    pub fn request(&self, job_type: &str) -> JobRequest {
        JobRequest {
            jobs: self.clone(),
            new: JobType::parse(job_type)
                .map(NewJob::of_type)
                .map_err(JobRequestError::from),
        }
    }
}

impl JobRequest {
    fn with(mut self, set: impl FnOnce(&mut NewJob) -> Result<(), JobRequestError>) -> Self {
        self.new = self.new.and_then(|mut new| set(&mut new).map(|()| new));
        self
    }

    /// Sets the parameters; `null` by default.
    pub fn parameters(self, parameters: &impl Serialize) -> Self {
        self.with(|new| {
            new.parameters = Json::from_valid(serde_json::to_string(parameters)?);
            Ok(())
        })
    }

    /// Sets the display name; the type by default.
    pub fn name(self, name: &str) -> Self {
        self.with(|new| {
            new.name = Some(JobName::parse(name)?);
            Ok(())
        })
    }

    /// Sets the queue.
    pub fn queue(self, queue: &str) -> Self {
        self.with(|new| {
            new.queue = Some(QueueName::parse(queue)?);
            Ok(())
        })
    }

    /// Sets the priority; normal by default.
    pub fn priority(self, priority: Priority) -> Self {
        self.with(|new| {
            new.priority = priority;
            Ok(())
        })
    }

    /// Makes the job due after this time.
    pub fn delay(self, delay: Duration) -> Self {
        self.with(|new| {
            new.due = Due::After(span("delay", delay)?);
            Ok(())
        })
    }

    /// Makes the job due at this time.
    pub fn run_at(self, time: DateTime<Utc>) -> Self {
        self.with(|new| {
            new.due = Due::At(time);
            Ok(())
        })
    }

    /// Sets the maximum number of retries.
    pub fn max_retries(self, retries: u32) -> Self {
        self.with(|new| {
            new.max_retries = Some(retries);
            Ok(())
        })
    }

    /// Sets the time limit of one attempt.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|new| {
            new.timeout = Some(span("timeout", timeout)?);
            Ok(())
        })
    }

    /// Sets the unique key: while an unfinished job has it, that job is returned in place of a new one.
    pub fn unique_key(self, key: &str) -> Self {
        self.with(|new| {
            new.unique_key = Some(UniqueKey::parse(key)?);
            Ok(())
        })
    }

    /// Adds a tag, by which the job is found.
    pub fn tag(self, tag: &str) -> Self {
        self.with(|new| {
            new.tags.push(Tag::parse(tag)?);
            Ok(())
        })
    }

    /// Schedules the job. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// The first value that is not allowed, or the reason why the server did not store the job.
    pub async fn schedule(self) -> Result<Scheduled, JobRequestError> {
        let batch = self.jobs.schedule(&Caller::local(), self.new?, None).await?;
        let unavailable = || ServiceError::Unavailable {
            reason: "storage returned no result".to_owned(),
        };
        Ok(batch.jobs.into_iter().next().ok_or_else(unavailable)?)
    }
}

fn span(field: &'static str, value: Duration) -> Result<TimeSpan, JobRequestError> {
    TimeDelta::from_std(value)
        .map(TimeSpan::from_delta)
        .map_err(|_| JobRequestError::Duration { field, value })
}
