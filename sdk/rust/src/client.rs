//! The client: an operation of the REST API a method.

use std::time::Duration;

use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tickerq::domain::id::JobId;
use tickerq::domain::priority::Priority;
use tickerq::domain::recurring::RecurringId;
use tickerq::domain::time_span::TimeSpan;

use crate::error::Error;
use crate::http::{Ask, ClientOptions, Http};
use crate::model::{
    Beat, Ended, Held, Job, JobFilter, JobItem, JobPage, LeasedJob, NewJob, NewRecurringJob, Queue, RecurringJob,
    RecurringPage, WorkerInfo,
};
use crate::subscription::Subscription;

/// A client of one server. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    http: Http,
}

impl Client {
    /// A client of the server at this URL, with this key or token.
    pub fn new(base_url: &str, token: Option<&str>) -> Self {
        Self::with_options(base_url, token, ClientOptions::default())
    }

    /// The same, with options.
    pub fn with_options(base_url: &str, token: Option<&str>, options: ClientOptions) -> Self {
        Self {
            http: Http::new(base_url, token, options),
        }
    }

    /// Asks for what has no method here. It is sent once.
    pub async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Error> {
        let ask = Ask::new(method, path).patience(Duration::from_secs(30), 0);
        let ask = match body {
            Some(body) => ask.body(body),
            None => ask,
        };
        self.http.send(ask).await
    }

    async fn get<T: DeserializeOwned>(&self, path: impl Into<String>) -> Result<T, Error> {
        self.http.send(Ask::new(Method::GET, path)).await
    }

    /// A page of the jobs that a filter means, the newest first.
    pub async fn jobs(&self, filter: &JobFilter) -> Result<JobPage, Error> {
        self.http
            .send(Ask::new(Method::GET, "/jobs").query(filter.query()))
            .await
    }

    /// All jobs that a filter means, page after page, given to `each` until it says that that is enough.
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

    /// Stores a job to be run.
    pub async fn schedule(&self, job: NewJob) -> Result<Job, Error> {
        let key = job.idempotency_key.clone();
        self.http
            .send(Ask::new(Method::POST, "/jobs").body(&job).once(key))
            .await
    }

    /// Stores several jobs, all or none.
    pub async fn schedule_all(&self, jobs: &[NewJob]) -> Result<Vec<JobItem>, Error> {
        let ask = Ask::new(Method::POST, "/jobs/batch")
            .body(&json!({ "jobs": jobs }))
            .once(None);
        let mut answer: Value = self.http.send(ask).await?;
        serde_json::from_value(answer["jobs"].take()).map_err(|error| Error::Answer(error.to_string()))
    }

    /// A job with all its attempts.
    pub async fn job(&self, id: JobId) -> Result<Job, Error> {
        self.get(format!("/jobs/{id}")).await
    }

    /// Waits until a job has ended, and gives it.
    pub async fn wait_for_job(&self, id: JobId) -> Result<Job, Error> {
        loop {
            let job = self.job(id).await?;
            if job.status.is_finished() {
                return Ok(job);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// Changes a pending job; if `revision` is given, only while it has that one.
    pub async fn update_job(&self, id: JobId, changes: &NewJob, revision: Option<u32>) -> Result<Job, Error> {
        let ask = Ask::new(Method::PATCH, format!("/jobs/{id}")).body(changes);
        self.http.send(ask.if_match(revision)).await
    }

    /// Deletes a finished job and its history.
    pub async fn delete_job(&self, id: JobId) -> Result<(), Error> {
        self.http.send(Ask::new(Method::DELETE, format!("/jobs/{id}"))).await
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
            .send(Ask::new(Method::POST, format!("/jobs/{id}/execute")).body(&how))
            .await
    }

    /// Cancels a pending job, or tells a running one to stop: then `cancel_requested` is true.
    pub async fn cancel_job(&self, id: JobId) -> Result<Job, Error> {
        self.http
            .send(Ask::new(Method::POST, format!("/jobs/{id}/cancel")))
            .await
    }

    /// Makes a failed or cancelled job pending again.
    pub async fn retry_job(&self, id: JobId, reset_retry_count: bool) -> Result<Job, Error> {
        let body = json!({ "resetRetryCount": reset_retry_count });
        self.http
            .send(Ask::new(Method::POST, format!("/jobs/{id}/retry")).body(&body))
            .await
    }

    /// A page of the recurring jobs, the newest first.
    pub async fn recurring_jobs(&self, limit: u32, offset: u64) -> Result<RecurringPage, Error> {
        let query = vec![("limit", limit.to_string()), ("offset", offset.to_string())];
        self.http
            .send(Ask::new(Method::GET, "/jobs/recurring").query(query))
            .await
    }

    /// Stores a recurring job.
    pub async fn schedule_recurring(&self, recurring: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Ask::new(Method::POST, "/jobs/recurring").body(recurring).once(None))
            .await
    }

    /// A recurring job.
    pub async fn recurring_job(&self, id: RecurringId) -> Result<RecurringJob, Error> {
        self.get(format!("/jobs/recurring/{id}")).await
    }

    /// Replaces a recurring job.
    pub async fn replace_recurring(&self, id: RecurringId, recurring: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Ask::new(Method::PUT, format!("/jobs/recurring/{id}")).body(recurring))
            .await
    }

    /// Changes a recurring job.
    pub async fn update_recurring(&self, id: RecurringId, changes: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Ask::new(Method::PATCH, format!("/jobs/recurring/{id}")).body(changes))
            .await
    }

    /// Deletes a recurring job; its occurrences stay.
    pub async fn delete_recurring(&self, id: RecurringId) -> Result<(), Error> {
        self.http
            .send(Ask::new(Method::DELETE, format!("/jobs/recurring/{id}")))
            .await
    }

    /// Has a recurring job create occurrences, or no more.
    pub async fn enable_recurring(&self, id: RecurringId, is_enabled: bool) -> Result<RecurringJob, Error> {
        let what = if is_enabled { "enable" } else { "disable" };
        self.http
            .send(Ask::new(Method::POST, format!("/jobs/recurring/{id}/{what}")).safe())
            .await
    }

    /// Gives a recurring job one occurrence now: the job that it has become.
    pub async fn trigger_recurring(&self, id: RecurringId) -> Result<Job, Error> {
        self.http
            .send(Ask::new(Method::POST, format!("/jobs/recurring/{id}/trigger")))
            .await
    }

    /// All queues.
    pub async fn queues(&self) -> Result<Vec<Queue>, Error> {
        self.list("/queues", "queues", Vec::new()).await
    }

    /// A queue.
    pub async fn queue(&self, name: &str) -> Result<Queue, Error> {
        self.get(format!("/queues/{name}")).await
    }

    /// Has a queue start no more jobs.
    pub async fn pause_queue(&self, name: &str) -> Result<Queue, Error> {
        self.http
            .send(Ask::new(Method::POST, format!("/queues/{name}/pause")).safe())
            .await
    }

    /// Has a queue start jobs again.
    pub async fn resume_queue(&self, name: &str) -> Result<Queue, Error> {
        self.http
            .send(Ask::new(Method::POST, format!("/queues/{name}/resume")).safe())
            .await
    }

    /// Removes the pending jobs of a queue, the failed ones, or both.
    pub async fn clear_queue(&self, name: &str, pending: bool, failed: bool) -> Result<Queue, Error> {
        let body = json!({ "clearPending": pending, "clearFailed": failed });
        self.http
            .send(Ask::new(Method::POST, format!("/queues/{name}/clear")).body(&body))
            .await
    }

    /// The server in numbers.
    pub async fn system_metrics(&self) -> Result<Value, Error> {
        self.get("/metrics/system").await
    }

    /// What has become of jobs. Parameters: `from`, `to`, `timeZone`, `granularity`, `queue`, `type`.
    pub async fn performance_metrics(&self, period: Vec<(&'static str, String)>) -> Result<Value, Error> {
        self.http
            .send(Ask::new(Method::GET, "/metrics/performance").query(period))
            .await
    }

    /// The same by job type.
    pub async fn job_type_metrics(&self, period: Vec<(&'static str, String)>) -> Result<Vec<Value>, Error> {
        self.list("/metrics/job-types", "jobTypes", period).await
    }

    /// The servers that share the storage.
    pub async fn nodes(&self) -> Result<Vec<Value>, Error> {
        self.list("/nodes", "nodes", Vec::new()).await
    }

    /// How much the server that answers says in its log.
    pub async fn log_level(&self) -> Result<Value, Error> {
        self.http.send(Ask::new(Method::GET, "/log-level")).await
    }

    /// Has the server that answers say so much in its log until it restarts.
    pub async fn set_log_level(&self, level: &str) -> Result<Value, Error> {
        let body = serde_json::json!({ "level": level });
        self.http.send(Ask::new(Method::PUT, "/log-level").body(&body)).await
    }

    /// Who has changed what. Parameters: `actor`, `action`, `jobId`, `from`, `to`, `limit`, `after`.
    pub async fn audit(&self, filter: Vec<(&'static str, String)>) -> Result<Vec<Value>, Error> {
        self.list("/audit", "records", filter).await
    }

    /// The remote workers.
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>, Error> {
        self.list("/workers", "workers", Vec::new()).await
    }

    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        name: &str,
        query: Vec<(&'static str, String)>,
    ) -> Result<Vec<T>, Error> {
        let mut answer: Value = self.http.send(Ask::new(Method::GET, path).query(query)).await?;
        serde_json::from_value(answer[name].take()).map_err(|error| Error::Answer(error.to_string()))
    }

    /// Makes a remote worker known.
    pub async fn register_worker(
        &self,
        name: &str,
        types: &[String],
        queues: &[String],
        concurrency: usize,
    ) -> Result<WorkerInfo, Error> {
        let body = json!({ "name": name, "types": types, "queues": queues, "concurrency": concurrency });
        self.http.send(Ask::new(Method::POST, "/workers").body(&body)).await
    }

    /// Due jobs for a worker; when there are none, waits for so long, 30 seconds at the most.
    pub async fn lease_jobs(&self, worker: &str, max: usize, wait: Duration) -> Result<Vec<LeasedJob>, Error> {
        let span = TimeSpan::from_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
        let body = json!({ "max": max, "wait": span.to_string() });
        let ask = Ask::new(Method::POST, format!("/workers/{worker}/lease")).body(&body);
        let mut answer: Value = self.http.send(ask.patience(wait + Duration::from_secs(30), 0)).await?;
        serde_json::from_value(answer["jobs"].take()).map_err(|error| Error::Answer(error.to_string()))
    }

    /// Renews a worker's lease, and reports.
    pub async fn heartbeat(&self, worker: &str, jobs: &[Held]) -> Result<Beat, Error> {
        let ask = Ask::new(Method::POST, format!("/workers/{worker}/heartbeat")).body(&json!({ "jobs": jobs }));
        self.http.send(ask.safe()).await
    }

    /// Says that jobs have succeeded.
    pub async fn complete_jobs(&self, worker: &str, jobs: &[Ended]) -> Result<(), Error> {
        self.end(worker, "complete", jobs).await
    }

    /// Says that jobs have not succeeded.
    pub async fn fail_jobs(&self, worker: &str, jobs: &[Ended]) -> Result<(), Error> {
        self.end(worker, "fail", jobs).await
    }

    async fn end(&self, worker: &str, how: &str, jobs: &[Ended]) -> Result<(), Error> {
        let ask = Ask::new(Method::POST, format!("/workers/{worker}/{how}")).body(&json!({ "jobs": jobs }));
        self.http.send::<Value>(ask.safe()).await.map(drop)
    }

    /// Hands back what a worker runs, and ends its lease.
    pub async fn remove_worker(&self, worker: &str) -> Result<(), Error> {
        self.http
            .send(Ask::new(Method::DELETE, format!("/workers/{worker}")))
            .await
    }

    /// Listens to what happens. Topics: `job-status`, `queue-metrics`, `system-health`; the filter has `jobId`, `queue`
    /// and `type`, each a text or a list. It is connected again whenever the connection ends.
    pub fn subscribe(&self, topics: &[&str], filter: Option<Value>) -> Subscription {
        Subscription::start(&self.http.root, self.http.token.as_deref(), topics, filter)
    }
}
