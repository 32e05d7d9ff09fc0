//! A running job for the handlers' tests.

use std::sync::Arc;

use chrono::DateTime;
use tokio_util::sync::CancellationToken;

use super::job_handler::JobContext;
use super::report::DiscardReports;
use crate::domain::job::Job;
use crate::domain::job::priority::Priority;
use crate::domain::job::retry::RetryPolicy;
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobName, JobType, QueueName};
use crate::domain::values::time_span::TimeSpan;

/// The second attempt of a job with these parameters.
pub(super) fn context(parameters: &str) -> JobContext {
    let created_at = DateTime::from_timestamp_millis(1_700_000_000_123).unwrap();
    let started_at = DateTime::from_timestamp(1_700_000_060, 0).unwrap();
    let job = Job {
        id: JobId::new(created_at, 7),
        name: JobName::parse("Rechnung № 7").unwrap(),
        job_type: JobType::parse("InvoiceJob").unwrap(),
        queue: QueueName::parse("billing").unwrap(),
        priority: Priority::High,
        status: JobStatus::Running,
        parameters: Json::from_valid(parameters),
        result: None,
        error: None,
        error_detail: None,
        created_at,
        due_from: None,
        due_at: created_at,
        started_at: Some(started_at),
        finished_at: None,
        attempt: 2,
        retry_count: 1,
        max_retries: 3,
        retry_policy: RetryPolicy::default(),
        timeout: TimeSpan::from_secs(60),
        unique_key: None,
        labels: None,
        occurrence: None,
        trace_parent: None,
        propagated: None,
        is_brief: false,
        cancel_requested: false,
        node: Some(NodeId::new(created_at)),
        claimed_by: None,
        revision: 4,
    };
    JobContext {
        job: Arc::new(job),
        cancellation: CancellationToken::new(),
        trace_parent: None,
        reports: Arc::new(DiscardReports),
    }
}
