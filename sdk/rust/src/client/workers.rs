//! Remote workers.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tickerq_core::values::time_span::TimeSpan;

use super::{Client, Jobs};
use crate::error::Error;
use crate::http::Call;
use crate::model::{Ended, Held};
use crate::schemas::{EndedJobs, Heartbeat, LeasedJob, LeasedJobs, WorkerInfo};

impl Client {
    /// The remote workers.
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>, Error> {
        self.list("/workers", "workers", Vec::new()).await
    }

    /// A remote worker.
    pub async fn worker(&self, id: &str) -> Result<WorkerInfo, Error> {
        self.get(format!("/workers/{id}")).await
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
}
