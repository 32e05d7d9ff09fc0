//! Jobs.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tickerq_core::job::priority::Priority;
use tickerq_core::values::id::JobId;
use tickerq_core::values::time_span::TimeSpan;

use super::{Client, Jobs};
use crate::error::Error;
use crate::http::Call;
use crate::model::{JobFilter, NewJob};
use crate::schemas::{Batch, Explanation, Job, JobChanges, JobFacet, JobItem, JobPage};

impl Client {
    /// A page of the jobs that match a filter, newest first.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<JobPage, Error> {
        self.http
            .send(Call::new(Method::GET, "/jobs").query(filter.query()))
            .await
    }

    /// Passes all jobs that match a filter to `each`, page by page, until it returns `false`.
    pub async fn all_jobs(&self, filter: &JobFilter, mut each: impl FnMut(JobItem) -> bool) -> Result<(), Error> {
        let mut filter = filter.clone();
        loop {
            let JobPage { jobs, has_more, .. } = self.jobs(&filter).await?;
            filter.after = jobs.last().map(|job| job.id);
            for job in jobs {
                if !each(job) {
                    return Ok(());
                }
            }
            if !has_more {
                return Ok(());
            }
        }
    }

    /// Creates a job.
    pub async fn schedule(&self, job: NewJob) -> Result<Job, Error> {
        let key = job.idempotency_key.clone();
        self.http
            .send(Call::new(Method::POST, "/jobs").body(&job).once(key))
            .await
    }

    /// Creates several jobs, all or none.
    pub async fn schedule_all(&self, jobs: &[NewJob]) -> Result<Batch, Error> {
        self.batch(jobs, None).await
    }

    /// The same with an idempotency key: requests with the same key take effect once. Of a repeated one, `missing` has
    /// the jobs that have been removed since.
    pub async fn schedule_all_once(&self, jobs: &[NewJob], idempotency_key: &str) -> Result<Batch, Error> {
        self.batch(jobs, Some(idempotency_key.to_owned())).await
    }

    async fn batch(&self, jobs: &[NewJob], idempotency_key: Option<String>) -> Result<Batch, Error> {
        let call = Call::new(Method::POST, "/jobs/batch").body(&Jobs { jobs });
        self.http.send(call.once(idempotency_key)).await
    }

    /// A job with all its attempts.
    pub async fn job(&self, id: JobId) -> Result<Job, Error> {
        self.get(format!("/jobs/{id}")).await
    }

    /// Numbers of the matching jobs by the values of fields, separated by commas: `status`, `type`, `queue`, `priority`,
    /// `tag`. Parameters: those of the list, such as `filter`.
    pub async fn count_jobs(&self, by: &str, filter: Vec<(&'static str, String)>) -> Result<Vec<JobFacet>, Error> {
        let mut query = filter;
        query.push(("by", by.to_owned()));
        self.list("/jobs/facets", "facets", query).await
    }

    /// The reasons why a job does not run, or its state.
    pub async fn explain_job(&self, id: JobId) -> Result<Explanation, Error> {
        self.get(format!("/jobs/{id}/explain")).await
    }

    /// Waits until a job has finished, and returns it.
    pub async fn wait_for_job(&self, id: JobId) -> Result<Job, Error> {
        loop {
            let job = self.job(id).await?;
            if job.status.is_finished() {
                return Ok(job);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Changes a pending job; fails if it does not have the given `revision`.
    pub async fn update_job(&self, id: JobId, changes: &NewJob, revision: Option<u32>) -> Result<Job, Error> {
        let call = Call::new(Method::PATCH, format!("/jobs/{id}")).body(changes);
        self.http.send(call.if_match(revision)).await
    }

    /// Deletes a finished job and its history.
    pub async fn delete_job(&self, id: JobId) -> Result<(), Error> {
        self.http.send(Call::new(Method::DELETE, format!("/jobs/{id}"))).await
    }

    /// Makes a pending job due, or queues a finished one again.
    pub async fn execute_job(
        &self,
        id: JobId,
        priority: Option<Priority>,
        delay: Option<TimeSpan>,
    ) -> Result<Job, Error> {
        let how = NewJob {
            priority,
            delay,
            ..NewJob::default()
        };
        self.http
            .send(Call::new(Method::POST, format!("/jobs/{id}/execute")).body(&how))
            .await
    }

    /// Cancels a pending job, or requests that a running one stops: then `cancel_requested` is true.
    pub async fn cancel_job(&self, id: JobId) -> Result<Job, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/jobs/{id}/cancel")))
            .await
    }

    /// Makes a failed or cancelled job pending again.
    pub async fn retry_job(&self, id: JobId, reset_retry_count: bool) -> Result<Job, Error> {
        let body = json!({ "resetRetryCount": reset_retry_count });
        self.http
            .send(Call::new(Method::POST, format!("/jobs/{id}/retry")).body(&body))
            .await
    }

    /// Jobs that have changed since a cursor, if the server keeps a change feed.
    pub async fn job_changes(&self, after: Option<&str>, limit: Option<u32>) -> Result<JobChanges, Error> {
        let after = after.map(|after| ("after", after.to_owned()));
        let limit = limit.map(|limit| ("limit", limit.to_string()));
        let query = after.into_iter().chain(limit).collect();
        self.http
            .send(Call::new(Method::GET, "/jobs/changes").query(query))
            .await
    }
}
