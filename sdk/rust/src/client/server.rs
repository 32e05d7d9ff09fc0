//! Queues, metrics, nodes, audit records and health.

use reqwest::Method;
use serde_json::json;

use super::Client;
use crate::error::Error;
use crate::http::Call;
use crate::schemas::{
    ActivitySeries, AuditList, ClearedQueue, DurationDistribution, Failure, FailureDetail, HealthView, JobTypeMetrics,
    LogLevel, Me, Node, PerformanceMetrics, Queue, QueueExplanation, ServerInfo, SystemOverview,
};

impl Client {
    /// All queues.
    pub async fn queues(&self) -> Result<Vec<Queue>, Error> {
        self.list("/queues", "queues", Vec::new()).await
    }

    /// All queues, with their states for operators.
    pub async fn queues_with_overview(&self) -> Result<Vec<Queue>, Error> {
        let query = vec![("overview", "true".to_owned())];
        self.list("/queues", "queues", query).await
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

    /// A time series. Parameters: `from`, `to`, `step`, `timeZone`, `queue`, `type`.
    pub async fn activity(&self, series: Vec<(&'static str, String)>) -> Result<ActivitySeries, Error> {
        self.http
            .send(Call::new(Method::GET, "/metrics/activity").query(series))
            .await
    }

    /// Histograms of run and wait times. Parameters: `from`, `to`, `timeZone`, `queue`, `type`.
    pub async fn durations(&self, period: Vec<(&'static str, String)>) -> Result<DurationDistribution, Error> {
        self.http
            .send(Call::new(Method::GET, "/metrics/durations").query(period))
            .await
    }

    /// Kinds of failures. Parameters: `from`, `to`, `timeZone`, `queue`, `type`, `limit`.
    pub async fn failures(&self, filter: Vec<(&'static str, String)>) -> Result<Vec<Failure>, Error> {
        self.list("/metrics/failures", "failures", filter).await
    }

    /// A kind of failures in detail. Parameters: `from`, `to`, `timeZone`, `granularity`.
    pub async fn failure(
        &self,
        fingerprint: &str,
        period: Vec<(&'static str, String)>,
    ) -> Result<FailureDetail, Error> {
        self.http
            .send(Call::new(Method::GET, format!("/metrics/failures/{fingerprint}")).query(period))
            .await
    }

    /// The caller: its name, scopes, rate limit and expiry.
    pub async fn me(&self) -> Result<Me, Error> {
        self.get("/me").await
    }

    /// The server that responds: its version, features, paths and limits.
    pub async fn server(&self) -> Result<ServerInfo, Error> {
        self.get("/server").await
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
}
