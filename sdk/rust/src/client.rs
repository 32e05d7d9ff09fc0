//! The client: one method for each operation of the REST API.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tickerq_core::job::priority::Priority;
use tickerq_core::recurring::RecurringId;
use tickerq_core::values::id::JobId;
use tickerq_core::values::time_span::TimeSpan;

use crate::error::Error;
use crate::http::{Call, ClientOptions, Http};
use crate::json::Json;
use crate::model::{Ended, Held, JobFilter, NewJob, NewRecurringJob};
use crate::schemas::{
    AuditList, Batch, ClearedQueue, EndedJobs, Explanation, HealthView, Heartbeat, Job, JobChanges, JobItem, JobPage,
    JobTypeMetrics, LeasedJob, LeasedJobs, LogLevel, Node, PerformanceMetrics, Queue, QueueExplanation, RecurringJob,
    RecurringPage, Redelivered, SystemOverview, WebhookDelivery, WebhookDeliveryList, WebhookEndpoint,
    WebhookEndpointOptions, WebhookEndpointUpdate, WebhookTest, WorkerInfo,
};
use crate::subscription::{Subscription, SubscriptionOptions, Subscriptions};

/// Jobs in a request. They are written directly: as a `Value` their JSON would lose its text.
#[derive(Serialize)]
struct Jobs<'a, J> {
    jobs: &'a [J],
}

/// A client of one server. Clones share its connections and subscriptions.
#[derive(Clone)]
pub struct Client {
    http: Http,
    subscriptions: Subscriptions,
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
            subscriptions: Subscriptions::default(),
        }
    }

    /// Sends any request, for operations without a method, without retries.
    pub async fn request<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Error> {
        let call = Call::new(method, path).timeout(Duration::from_secs(30), 0);
        let call = match body {
            Some(body) => call.body(body),
            None => call,
        };
        self.http.send(call).await
    }

    async fn get<T: DeserializeOwned>(&self, path: impl Into<String>) -> Result<T, Error> {
        self.http.send(Call::new(Method::GET, path)).await
    }

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

    /// A page of the recurring jobs, newest first.
    pub async fn recurring_jobs(&self, limit: u32, offset: u64) -> Result<RecurringPage, Error> {
        let query = vec![("limit", limit.to_string()), ("offset", offset.to_string())];
        self.http
            .send(Call::new(Method::GET, "/jobs/recurring").query(query))
            .await
    }

    /// Creates a recurring job.
    pub async fn schedule_recurring(&self, recurring: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Call::new(Method::POST, "/jobs/recurring").body(recurring).once(None))
            .await
    }

    /// A recurring job.
    pub async fn recurring_job(&self, id: RecurringId) -> Result<RecurringJob, Error> {
        self.get(format!("/jobs/recurring/{id}")).await
    }

    /// Replaces a recurring job.
    pub async fn replace_recurring(&self, id: RecurringId, recurring: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Call::new(Method::PUT, format!("/jobs/recurring/{id}")).body(recurring))
            .await
    }

    /// Changes a recurring job.
    pub async fn update_recurring(&self, id: RecurringId, changes: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Call::new(Method::PATCH, format!("/jobs/recurring/{id}")).body(changes))
            .await
    }

    /// Deletes a recurring job; its occurrences stay.
    pub async fn delete_recurring(&self, id: RecurringId) -> Result<(), Error> {
        self.http
            .send(Call::new(Method::DELETE, format!("/jobs/recurring/{id}")))
            .await
    }

    /// The recurring job with this key.
    pub async fn recurring_job_by_key(&self, key: &str) -> Result<RecurringJob, Error> {
        self.get(path_of_key(key)).await
    }

    /// Creates the recurring job with this key, or replaces it: a repeated deployment creates no second one.
    pub async fn put_recurring_by_key(&self, key: &str, recurring: &NewRecurringJob) -> Result<RecurringJob, Error> {
        self.http
            .send(Call::new(Method::PUT, path_of_key(key)).body(recurring))
            .await
    }

    /// Deletes the recurring job with this key; its occurrences stay.
    pub async fn delete_recurring_by_key(&self, key: &str) -> Result<(), Error> {
        self.http.send(Call::new(Method::DELETE, path_of_key(key))).await
    }

    /// Resumes or suspends the occurrences of a recurring job.
    pub async fn enable_recurring(&self, id: RecurringId, is_enabled: bool) -> Result<RecurringJob, Error> {
        let what = if is_enabled { "enable" } else { "disable" };
        self.http
            .send(Call::new(Method::POST, format!("/jobs/recurring/{id}/{what}")).safe())
            .await
    }

    /// Creates one occurrence of a recurring job now, and returns it.
    pub async fn trigger_recurring(&self, id: RecurringId) -> Result<Job, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/jobs/recurring/{id}/trigger")))
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

    /// The reasons why the pending jobs of a queue do not run, with their numbers of jobs.
    pub async fn explain_queue(&self, name: &str) -> Result<QueueExplanation, Error> {
        self.get(format!("/queues/{name}/explain")).await
    }

    /// Pauses a queue: no further job starts.
    pub async fn pause_queue(&self, name: &str) -> Result<Queue, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/queues/{name}/pause")).safe())
            .await
    }

    /// Resumes a queue.
    pub async fn resume_queue(&self, name: &str) -> Result<Queue, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/queues/{name}/resume")).safe())
            .await
    }

    /// Deletes the pending jobs of a queue, the failed ones, or both.
    pub async fn clear_queue(&self, name: &str, pending: bool, failed: bool) -> Result<ClearedQueue, Error> {
        let body = json!({ "clearPending": pending, "clearFailed": failed });
        self.http
            .send(Call::new(Method::POST, format!("/queues/{name}/clear")).body(&body))
            .await
    }

    /// Deletes a queue that has no unfinished jobs and is not configured.
    pub async fn delete_queue(&self, name: &str) -> Result<(), Error> {
        self.http
            .send(Call::new(Method::DELETE, format!("/queues/{name}")))
            .await
    }

    /// Health, load and memory of the server.
    pub async fn system_metrics(&self) -> Result<SystemOverview, Error> {
        self.get("/metrics/system").await
    }

    /// Outcomes and durations of jobs. Parameters: `from`, `to`, `timeZone`, `granularity`, `queue`, `type`.
    pub async fn performance_metrics(&self, period: Vec<(&'static str, String)>) -> Result<PerformanceMetrics, Error> {
        self.http
            .send(Call::new(Method::GET, "/metrics/performance").query(period))
            .await
    }

    /// The same by job type.
    pub async fn job_type_metrics(&self, period: Vec<(&'static str, String)>) -> Result<Vec<JobTypeMetrics>, Error> {
        self.list("/metrics/job-types", "jobTypes", period).await
    }

    /// The servers that share the storage.
    pub async fn nodes(&self) -> Result<Vec<Node>, Error> {
        self.list("/nodes", "nodes", Vec::new()).await
    }

    /// Drains a node: it starts no new jobs until it is resumed or restarted; its running jobs continue.
    pub async fn drain_node(&self, id: &str) -> Result<Node, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/nodes/{id}/drain")).safe())
            .await
    }

    /// Resumes a node that drains.
    pub async fn resume_node(&self, id: &str) -> Result<Node, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/nodes/{id}/resume")).safe())
            .await
    }

    /// The log level of this server.
    pub async fn log_level(&self) -> Result<LogLevel, Error> {
        self.http.send(Call::new(Method::GET, "/log-level")).await
    }

    /// Sets the log level of this server until it restarts.
    pub async fn set_log_level(&self, level: &str) -> Result<LogLevel, Error> {
        let body = serde_json::json!({ "level": level });
        self.http.send(Call::new(Method::PUT, "/log-level").body(&body)).await
    }

    /// The audit log. Parameters: `actor`, `action`, `jobId`, `from`, `to`, `limit`, `after`.
    pub async fn audit(&self, filter: Vec<(&'static str, String)>) -> Result<AuditList, Error> {
        self.http.send(Call::new(Method::GET, "/audit").query(filter)).await
    }

    /// Liveness.
    pub async fn health(&self) -> Result<HealthView, Error> {
        self.http.send(Call::new(Method::GET, "/healthz").at_base()).await
    }

    /// Readiness and the reasons against it; fails with [`Error::Unavailable`] while the server is unhealthy.
    pub async fn readiness(&self) -> Result<HealthView, Error> {
        self.http
            .send(Call::new(Method::GET, "/readyz").at_base().retries(0))
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

    /// All webhook endpoints.
    pub async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, Error> {
        self.list("/webhooks/endpoints", "endpoints", Vec::new()).await
    }

    /// Creates a webhook endpoint. Only this response has its secret.
    pub async fn create_webhook_endpoint(
        &self,
        url: &str,
        options: &WebhookEndpointOptions,
    ) -> Result<WebhookEndpoint, Error> {
        let mut body = serde_json::to_value(options).map_err(|error| Error::InvalidResponse(error.to_string()))?;
        body["url"] = url.into();
        self.http
            .send(Call::new(Method::POST, "/webhooks/endpoints").body(&body))
            .await
    }

    /// A webhook endpoint.
    pub async fn webhook_endpoint(&self, id: &str) -> Result<WebhookEndpoint, Error> {
        self.get(format!("/webhooks/endpoints/{id}")).await
    }

    /// Changes a webhook endpoint; fails if it does not have the given `revision`.
    pub async fn update_webhook_endpoint(
        &self,
        id: &str,
        changes: &WebhookEndpointUpdate,
        revision: Option<u32>,
    ) -> Result<WebhookEndpoint, Error> {
        let call = Call::new(Method::PATCH, format!("/webhooks/endpoints/{id}")).body(changes);
        self.http.send(call.if_match(revision)).await
    }

    /// Deletes a webhook endpoint and its deliveries.
    pub async fn delete_webhook_endpoint(&self, id: &str) -> Result<(), Error> {
        self.http
            .send(Call::new(Method::DELETE, format!("/webhooks/endpoints/{id}")))
            .await
    }

    /// Enables or disables a webhook endpoint.
    pub async fn enable_webhook_endpoint(&self, id: &str, is_enabled: bool) -> Result<WebhookEndpoint, Error> {
        let action = if is_enabled { "enable" } else { "disable" };
        self.http
            .send(Call::new(Method::POST, format!("/webhooks/endpoints/{id}/{action}")).safe())
            .await
    }

    /// Replaces an endpoint's secret by a random one; the old one remains valid for `overlap`.
    pub async fn rotate_webhook_secret(&self, id: &str, overlap: Option<TimeSpan>) -> Result<WebhookEndpoint, Error> {
        let body = match overlap {
            Some(overlap) => json!({ "overlap": overlap.to_string() }),
            None => json!({}),
        };
        self.http
            .send(Call::new(Method::POST, format!("/webhooks/endpoints/{id}/rotate-secret")).body(&body))
            .await
    }

    /// Sends a test message to a webhook endpoint.
    pub async fn test_webhook_endpoint(&self, id: &str) -> Result<WebhookTest, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/webhooks/endpoints/{id}/test")))
            .await
    }

    /// A page of the deliveries of an endpoint, newest first. Parameters: `status`, `limit`, `after`.
    pub async fn webhook_deliveries(
        &self,
        endpoint: &str,
        filter: Vec<(&'static str, String)>,
    ) -> Result<WebhookDeliveryList, Error> {
        let path = format!("/webhooks/endpoints/{endpoint}/deliveries");
        self.http.send(Call::new(Method::GET, path).query(filter)).await
    }

    /// A webhook delivery.
    pub async fn webhook_delivery(&self, id: &str) -> Result<WebhookDelivery, Error> {
        self.get(format!("/webhooks/deliveries/{id}")).await
    }

    /// Sends one delivery again.
    pub async fn redeliver_webhook(&self, id: &str) -> Result<WebhookDelivery, Error> {
        self.http
            .send(Call::new(Method::POST, format!("/webhooks/deliveries/{id}/redeliver")))
            .await
    }

    /// Sends all failed deliveries of an endpoint since a time again.
    pub async fn redeliver_failed_webhooks(&self, endpoint: &str, since: DateTime<Utc>) -> Result<Redelivered, Error> {
        let call = Call::new(Method::POST, format!("/webhooks/endpoints/{endpoint}/redeliver"));
        self.http.send(call.body(&json!({ "since": since }))).await
    }

    /// The remote workers.
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>, Error> {
        self.list("/workers", "workers", Vec::new()).await
    }

    /// A remote worker.
    pub async fn worker(&self, id: &str) -> Result<WorkerInfo, Error> {
        self.get(format!("/workers/{id}")).await
    }

    async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        name: &str,
        query: Vec<(&'static str, String)>,
    ) -> Result<Vec<T>, Error> {
        let mut response: BTreeMap<String, Json> = self.http.send(Call::new(Method::GET, path).query(query)).await?;
        let list = response.remove(name).unwrap_or_default();
        list.parse().map_err(|error| Error::InvalidResponse(error.to_string()))
    }

    /// Registers a remote worker.
    pub async fn register_worker(
        &self,
        name: &str,
        types: &[String],
        queues: &[String],
        concurrency: usize,
    ) -> Result<WorkerInfo, Error> {
        let body = json!({ "name": name, "types": types, "queues": queues, "concurrency": concurrency });
        self.http.send(Call::new(Method::POST, "/workers").body(&body)).await
    }

    /// Leases due jobs to a worker; waits up to `wait`, at most 30 seconds, for the first.
    pub async fn lease_jobs(&self, worker: &str, max: usize, wait: Duration) -> Result<Vec<LeasedJob>, Error> {
        let span = TimeSpan::from_micros(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX));
        let body = json!({ "max": max, "wait": span.to_string() });
        let call = Call::new(Method::POST, format!("/workers/{worker}/lease")).body(&body);
        let call = call.timeout(wait + Duration::from_secs(30), 0);
        // Workers log the refused types of their heartbeats.
        let LeasedJobs { jobs, refused_types: _ } = self.http.send(call).await?;
        Ok(jobs)
    }

    /// Renews a worker's lease, and reports progress.
    pub async fn heartbeat(&self, worker: &str, jobs: &[Held]) -> Result<Heartbeat, Error> {
        let call = Call::new(Method::POST, format!("/workers/{worker}/heartbeat")).body(&Jobs { jobs });
        self.http.send(call.safe()).await
    }

    /// Reports completed jobs.
    pub async fn complete_jobs(&self, worker: &str, jobs: &[Ended]) -> Result<EndedJobs, Error> {
        self.end(worker, "complete", jobs).await
    }

    /// Reports failed, cancelled or released jobs.
    pub async fn fail_jobs(&self, worker: &str, jobs: &[Ended]) -> Result<EndedJobs, Error> {
        self.end(worker, "fail", jobs).await
    }

    async fn end(&self, worker: &str, how: &str, jobs: &[Ended]) -> Result<EndedJobs, Error> {
        let call = Call::new(Method::POST, format!("/workers/{worker}/{how}")).body(&Jobs { jobs });
        self.http.send(call.safe()).await
    }

    /// The same by its path, without retries: [`crate::Worker`] retries by itself.
    pub(crate) async fn report(&self, worker: &str, how: &str, jobs: &[Ended]) -> Result<EndedJobs, Error> {
        let call = Call::new(Method::POST, format!("/workers/{worker}/{how}")).body(&Jobs { jobs });
        self.http.send(call.retries(0)).await
    }

    /// Unregisters a worker; its running jobs are requeued.
    pub async fn remove_worker(&self, worker: &str) -> Result<(), Error> {
        self.http
            .send(Call::new(Method::DELETE, format!("/workers/{worker}")))
            .await
    }

    /// Subscribes to live updates. Topics: `job-status`, `queue-metrics`, `system-health`; the filter has `jobId`,
    /// `queue` and `type`, each a text or a list. The subscription reconnects by itself; a server that refuses it ends
    /// it.
    pub fn subscribe(&self, topics: &[&str], filter: Option<Value>) -> Subscription {
        Subscription::start(SubscriptionOptions {
            root: &self.http.root,
            token: self.http.token.as_deref(),
            topics,
            filter,
            closed: self.subscriptions.token(),
            ping_interval: self.http.ping_interval(),
        })
    }

    /// Ends the subscriptions of this client and its clones.
    pub fn close_subscriptions(&self) {
        self.subscriptions.close();
    }
}

/// The path of a recurring job's key, in which every character may stand.
fn path_of_key(key: &str) -> String {
    let mut path = "/jobs/recurring/by-key/".to_owned();
    for byte in key.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}
