//! Generated from the OpenAPI document by sdk/generate/types.mjs; do not edit.

#![expect(missing_docs, reason = "the fields are those of the API's description")]

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use tickerq_core::job::priority::Priority;
use tickerq_core::job::status::JobStatus;
use tickerq_core::recurring::RecurringId;
use tickerq_core::values::id::JobId;
use tickerq_core::values::time_span::TimeSpan;

use crate::json::Json;
use crate::wire;

/// `ActivityCounts` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityCounts {
    pub created: u64,
    pub started: u64,
    pub completed: u64,
    pub failed: u64,
    pub retried: u64,
    pub cancelled: u64,
}

/// `ActivityPoint` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityPoint {
    pub created: u64,
    pub started: u64,
    pub completed: u64,
    pub failed: u64,
    pub retried: u64,
    pub cancelled: u64,
    pub at: DateTime<Utc>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub wait_p50: Option<TimeSpan>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub wait_p95: Option<TimeSpan>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub wait_p99: Option<TimeSpan>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub run_p50: Option<TimeSpan>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub run_p95: Option<TimeSpan>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub run_p99: Option<TimeSpan>,
}

/// `ActivitySeries` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivitySeries {
    pub step: String,
    pub time_zone: String,
    pub total: ActivityCounts,
    pub points: Vec<ActivityPoint>,
}

/// `Attempt` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    pub attempt: u32,
    pub started_at: DateTime<Utc>,
    #[serde(default)]
    pub completed_at: Option<DateTime<Utc>>,
    pub status: String,
    #[serde(default, deserialize_with = "wire::optional")]
    pub duration: Option<TimeSpan>,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub error_detail: Option<String>,
    pub node: String,
    #[serde(default)]
    pub worker: Option<String>,
}

/// `AuditActor` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditActor {
    pub name: String,
    pub kind: String,
}

/// `AuditList` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditList {
    pub records: Vec<AuditRecord>,
    pub has_more: bool,
}

/// `AuditRecord` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    pub id: String,
    pub at: DateTime<Utc>,
    pub actor: AuditActor,
    #[serde(default)]
    pub address: Option<String>,
    pub action: String,
    #[serde(default, deserialize_with = "wire::optional")]
    pub job_id: Option<JobId>,
    #[serde(default)]
    pub endpoint_id: Option<String>,
    #[serde(default)]
    pub worker_id: Option<String>,
    #[serde(default)]
    pub node_id: Option<String>,
    #[serde(default)]
    pub operation_id: Option<String>,
    #[serde(default)]
    pub queue: Option<String>,
    pub jobs: u64,
    pub outcome: String,
}

/// `Batch` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    pub jobs: Vec<JobItem>,
    pub created: u32,
    #[serde(default, deserialize_with = "wire::list")]
    pub missing: Vec<JobId>,
}

/// `ClearedQueue` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClearedQueue {
    #[serde(default)]
    pub name: String,
    pub status: String,
    #[serde(default)]
    pub pending_jobs: u64,
    #[serde(default)]
    pub running_jobs: u64,
    #[serde(default)]
    pub completed_jobs: u64,
    #[serde(default)]
    pub failed_jobs: u64,
    #[serde(default)]
    pub cancelled_jobs: u64,
    #[serde(default)]
    pub workers: u32,
    #[serde(default)]
    pub throughput: Throughput,
    #[serde(default)]
    pub overview: Option<QueueOverview>,
    #[serde(default)]
    pub cleared_pending: u64,
    #[serde(default)]
    pub cleared_failed: u64,
}

/// `CpuUsage` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CpuUsage {
    pub percentage: f64,
    pub cores: u32,
}

/// `DueHour` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DueHour {
    pub hour: DateTime<Utc>,
    pub queue: String,
    pub count: u64,
}

/// `DurationBucket` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DurationBucket {
    #[serde(deserialize_with = "wire::text")]
    pub from: TimeSpan,
    #[serde(default, deserialize_with = "wire::optional")]
    pub to: Option<TimeSpan>,
    pub count: u64,
}

/// `DurationDistribution` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DurationDistribution {
    pub period: Period,
    pub run: Vec<DurationBucket>,
    pub wait: Vec<DurationBucket>,
}

/// `EndedJobs` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndedJobs {
    pub stored: u32,
    #[serde(deserialize_with = "wire::list")]
    pub lost: Vec<JobId>,
}

/// `Explanation` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub state: String,
    pub summary: String,
    pub reasons: Vec<WaitReason>,
    #[serde(default)]
    pub estimate: Option<StartEstimate>,
}

/// `Failure` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub fingerprint: String,
    #[serde(rename = "type")]
    pub job_type: String,
    pub reason: String,
    pub count: u64,
    #[serde(default)]
    pub first_seen: Option<DateTime<Utc>>,
    #[serde(default)]
    pub last_seen: Option<DateTime<Utc>>,
}

/// `FailureDetail` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureDetail {
    pub fingerprint: String,
    #[serde(rename = "type")]
    pub job_type: String,
    pub reason: String,
    pub count: u64,
    #[serde(default)]
    pub first_seen: Option<DateTime<Utc>>,
    #[serde(default)]
    pub last_seen: Option<DateTime<Utc>>,
    pub period: Period,
    pub trend: Vec<FailureTrend>,
    pub places: Vec<FailurePlace>,
    pub jobs: Vec<JobItem>,
}

/// `FailureList` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureList {
    pub period: Period,
    pub failures: Vec<Failure>,
    pub total_count: u64,
}

/// `FailurePlace` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailurePlace {
    pub id: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub is_worker: Option<bool>,
    pub jobs: u64,
}

/// `FailureReason` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureReason {
    pub reason: String,
    #[serde(default)]
    pub fingerprint: Option<String>,
    pub count: u64,
    pub percentage: f64,
}

/// `FailureTrend` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureTrend {
    pub date: String,
    pub count: u64,
}

/// `HealthReason` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthReason {
    pub code: String,
    pub message: String,
}

/// `HealthView` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthView {
    pub status: String,
    #[serde(default)]
    pub time_zone_database: Option<String>,
    #[serde(default)]
    pub restarted_actors: Option<u64>,
    #[serde(default)]
    pub system_health: Option<String>,
    #[serde(default)]
    pub reasons: Option<Vec<HealthReason>>,
}

/// `Heartbeat` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    pub lease_until: DateTime<Utc>,
    #[serde(deserialize_with = "wire::list")]
    pub cancelled: Vec<JobId>,
    #[serde(deserialize_with = "wire::list")]
    pub lost: Vec<JobId>,
    #[serde(default)]
    pub refused_types: Option<Vec<String>>,
}

/// `Job` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    #[serde(deserialize_with = "wire::text")]
    pub id: JobId,
    #[serde(deserialize_with = "wire::text")]
    pub job_id: JobId,
    #[serde(default)]
    pub name: String,
    #[serde(rename = "type", default)]
    pub job_type: String,
    #[serde(default)]
    pub queue: String,
    #[serde(deserialize_with = "wire::text")]
    pub status: JobStatus,
    #[serde(default)]
    pub created_at: DateTime<Utc>,
    #[serde(default)]
    pub run_at: DateTime<Utc>,
    #[serde(default)]
    pub executed_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub completed_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub duration: Option<TimeSpan>,
    #[serde(default, deserialize_with = "wire::text")]
    pub priority: Priority,
    #[serde(default)]
    pub attempt: u32,
    #[serde(default)]
    pub retry_count: u32,
    #[serde(default)]
    pub max_retries: u32,
    #[serde(default)]
    pub parameters: Json,
    #[serde(default)]
    pub result: Option<Json>,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub error_detail: Option<String>,
    #[serde(default)]
    pub execution_history: Vec<Attempt>,
    #[serde(default, deserialize_with = "wire::text")]
    pub timeout: TimeSpan,
    #[serde(default, deserialize_with = "wire::text")]
    pub retry_delay: TimeSpan,
    #[serde(default, deserialize_with = "wire::list")]
    pub retry_intervals: Vec<TimeSpan>,
    #[serde(default)]
    pub unique_key: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub recurring_job_id: Option<RecurringId>,
    #[serde(default)]
    pub occurrence_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub cancel_requested: bool,
    #[serde(default)]
    pub progress: Option<Progress>,
    #[serde(default)]
    pub log: Vec<LogLine>,
    #[serde(default)]
    pub warnings: Vec<String>,
    #[serde(default)]
    pub revision: u32,
}

/// `JobChange` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobChange {
    #[serde(deserialize_with = "wire::text")]
    pub id: JobId,
    pub deleted: bool,
    #[serde(default)]
    pub job: Option<JobItem>,
}

/// `JobChanges` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobChanges {
    pub changes: Vec<JobChange>,
    pub cursor: String,
    pub has_more: bool,
}

/// `JobFacet` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobFacet {
    pub by: String,
    pub values: Vec<JobFacetValue>,
    pub has_more: bool,
}

/// `JobFacetValue` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobFacetValue {
    pub value: String,
    pub count: u64,
}

/// `JobFacets` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobFacets {
    pub facets: Vec<JobFacet>,
}

/// `JobHolder` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobHolder {
    pub id: String,
    #[serde(default)]
    pub name: Option<String>,
    pub kind: String,
    #[serde(default)]
    pub last_heartbeat_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub lease_until: Option<DateTime<Utc>>,
}

/// `JobItem` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobItem {
    #[serde(deserialize_with = "wire::text")]
    pub id: JobId,
    #[serde(deserialize_with = "wire::text")]
    pub job_id: JobId,
    #[serde(default)]
    pub name: String,
    #[serde(rename = "type", default)]
    pub job_type: String,
    #[serde(default)]
    pub queue: String,
    #[serde(deserialize_with = "wire::text")]
    pub status: JobStatus,
    #[serde(default)]
    pub created_at: DateTime<Utc>,
    #[serde(default)]
    pub run_at: DateTime<Utc>,
    #[serde(default)]
    pub executed_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub completed_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub duration: Option<TimeSpan>,
    #[serde(default, deserialize_with = "wire::text")]
    pub priority: Priority,
    #[serde(default)]
    pub attempt: u32,
    #[serde(default)]
    pub retry_count: u32,
    #[serde(default)]
    pub max_retries: u32,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub recurring_job_id: Option<RecurringId>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub warnings: Vec<String>,
    #[serde(default)]
    pub explanation: Option<Explanation>,
}

/// `JobList` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobPage {
    pub jobs: Vec<JobItem>,
    pub total_count: u64,
    pub has_more: bool,
    #[serde(default)]
    pub end_cursor: Option<String>,
}

/// `JobTypeAnalytics` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobTypeAnalytics {
    pub period: Period,
    pub job_types: Vec<JobTypeMetrics>,
}

/// `JobTypeMetrics` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobTypeMetrics {
    #[serde(rename = "type")]
    pub job_type: String,
    pub total_executions: u64,
    pub success_rate: f64,
    #[serde(deserialize_with = "wire::text")]
    pub average_execution_time: TimeSpan,
    pub execution_time: Percentiles,
    #[serde(deserialize_with = "wire::text")]
    pub average_wait_time: TimeSpan,
    pub wait_time: Percentiles,
    pub failed_jobs: u64,
    pub cancelled_jobs: u64,
    pub failure_reasons: Vec<FailureReason>,
}

/// `LeasedJob` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeasedJob {
    #[serde(deserialize_with = "wire::text")]
    pub job_id: JobId,
    pub lease_token: String,
    pub name: String,
    #[serde(rename = "type")]
    pub job_type: String,
    pub queue: String,
    #[serde(deserialize_with = "wire::text")]
    pub priority: Priority,
    pub attempt: u32,
    pub retry_count: u32,
    pub max_retries: u32,
    pub parameters: Json,
    pub created_at: DateTime<Utc>,
    #[serde(deserialize_with = "wire::text")]
    pub timeout: TimeSpan,
    #[serde(default, deserialize_with = "wire::optional")]
    pub recurring_job_id: Option<RecurringId>,
    pub trace_parent: String,
    #[serde(default)]
    pub trace_state: Option<String>,
    #[serde(default)]
    pub baggage: Option<String>,
}

/// `LeasedJobs` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LeasedJobs {
    pub jobs: Vec<LeasedJob>,
    #[serde(default)]
    pub refused_types: Option<Vec<String>>,
}

/// `LogLevel` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLevel {
    pub level: String,
    pub node_id: String,
}

/// `LogLine` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    pub attempt: u32,
    pub at: DateTime<Utc>,
    pub level: String,
    pub message: String,
}

/// `Me` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    pub name: String,
    pub kind: String,
    pub scopes: Vec<String>,
    #[serde(default)]
    pub rate_limit: Option<RateLimit>,
    #[serde(default)]
    pub expires_at: Option<DateTime<Utc>>,
}

/// `MemoryUsage` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryUsage {
    pub used: String,
    pub available: String,
    pub percentage: f64,
}

/// `Node` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    pub id: String,
    pub name: String,
    pub status: String,
    pub roles: Vec<String>,
    pub started_at: DateTime<Utc>,
    pub last_heartbeat_at: DateTime<Utc>,
    pub lease_until: DateTime<Utc>,
    pub running_jobs: u64,
    pub is_self: bool,
}

/// `NodeList` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeList {
    pub nodes: Vec<Node>,
}

/// `Operation` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    pub id: String,
    pub kind: String,
    pub filter: String,
    #[serde(default)]
    pub queue: Option<String>,
    #[serde(default)]
    pub priority: Option<String>,
    pub reset_retry_count: bool,
    #[serde(default)]
    pub note: Option<String>,
    pub status: String,
    pub total: u64,
    pub is_exact: bool,
    pub done: u64,
    pub skipped: u64,
    pub skipped_by: Vec<SkippedJobs>,
    pub undo: String,
    #[serde(default)]
    pub undo_until: Option<DateTime<Utc>>,
    #[serde(default)]
    pub undoes: Option<String>,
    #[serde(default)]
    pub undone_by: Option<String>,
    pub requested_by: String,
    pub requester_kind: String,
    pub created_at: DateTime<Utc>,
    pub starts_at: DateTime<Utc>,
    #[serde(default)]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub finished_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub error: Option<String>,
}

/// `OperationList` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationList {
    pub operations: Vec<Operation>,
    pub has_more: bool,
}

/// `OperationPreview` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperationPreview {
    pub token: String,
    pub expires_at: DateTime<Utc>,
    pub kind: String,
    pub filter: String,
    pub total: u64,
    pub is_exact: bool,
    pub by_status: Json,
    pub by_type: Json,
    pub by_queue: Json,
    pub counted: u64,
    pub is_split_exact: bool,
    pub sample: Vec<JobItem>,
    pub skipped: Vec<PreviewSkippedJobs>,
    pub warnings: Vec<String>,
    pub undo: String,
}

/// `Outcome` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    pub id: String,
    pub status: String,
    pub run_at: DateTime<Utc>,
    #[serde(default)]
    pub completed_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub duration: Option<TimeSpan>,
}

/// `Percentiles` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Percentiles {
    #[serde(deserialize_with = "wire::text")]
    pub p50: TimeSpan,
    #[serde(deserialize_with = "wire::text")]
    pub p95: TimeSpan,
    #[serde(deserialize_with = "wire::text")]
    pub p99: TimeSpan,
}

/// `PerformanceMetrics` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceMetrics {
    pub period: Period,
    pub summary: PerformanceSummary,
    pub trends: Vec<Trend>,
}

/// `PerformanceSummary` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PerformanceSummary {
    pub total_jobs: u64,
    pub successful_jobs: u64,
    pub failed_jobs: u64,
    pub cancelled_jobs: u64,
    pub failed_attempts: u64,
    pub success_rate: f64,
    #[serde(deserialize_with = "wire::text")]
    pub average_execution_time: TimeSpan,
    pub execution_time: Percentiles,
    #[serde(deserialize_with = "wire::text")]
    pub average_wait_time: TimeSpan,
    pub wait_time: Percentiles,
    pub throughput: PeriodThroughput,
}

/// `Period` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Period {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub time_zone: String,
}

/// `PeriodThroughput` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeriodThroughput {
    pub jobs_per_day: u64,
    pub peak_jobs_per_hour: u64,
}

/// `PreviewSkippedJobs` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewSkippedJobs {
    pub reason: String,
    pub message: String,
    pub count: u64,
    pub is_exact: bool,
}

/// `PreviewTime` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewTime {
    pub at: DateTime<Utc>,
    pub local: String,
    #[serde(default)]
    pub note: Option<String>,
}

/// `Progress` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    pub attempt: u32,
    pub percent: f64,
    #[serde(default)]
    pub message: Option<String>,
}

/// `Queue` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    #[serde(default)]
    pub name: String,
    pub status: String,
    #[serde(default)]
    pub pending_jobs: u64,
    #[serde(default)]
    pub running_jobs: u64,
    #[serde(default)]
    pub completed_jobs: u64,
    #[serde(default)]
    pub failed_jobs: u64,
    #[serde(default)]
    pub cancelled_jobs: u64,
    #[serde(default)]
    pub workers: u32,
    #[serde(default)]
    pub throughput: Throughput,
    #[serde(default)]
    pub overview: Option<QueueOverview>,
}

/// `QueueExplanation` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueExplanation {
    pub queue: String,
    pub summary: String,
    pub pending_jobs: u64,
    pub reasons: Vec<QueueWaitReason>,
}

/// `QueueList` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueList {
    pub queues: Vec<Queue>,
}

/// `QueueOverview` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueOverview {
    #[serde(default)]
    pub oldest_due_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub due_jobs: Option<u64>,
    #[serde(default)]
    pub scheduled_jobs: Option<u64>,
    #[serde(default)]
    pub retrying_jobs: Option<u64>,
    pub capacity: u64,
    pub live_workers: u64,
    pub settings: QueueSettings,
    #[serde(default)]
    pub paused_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub paused_by: Option<String>,
}

/// `QueueSettings` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueSettings {
    pub workers: u32,
    #[serde(default)]
    pub max_pending: Option<u64>,
    #[serde(default)]
    pub rate_limit: Option<String>,
}

/// `QueueWaitReason` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueWaitReason {
    pub code: String,
    pub jobs: u64,
    pub is_exact: bool,
    pub message: String,
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
    pub evidence: WaitEvidence,
    #[serde(default)]
    pub remedy: Option<String>,
}

/// `RateLimit` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    pub requests: u32,
    #[serde(deserialize_with = "wire::text")]
    pub per: TimeSpan,
}

/// `RecurringJob` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecurringJob {
    #[serde(deserialize_with = "wire::text")]
    pub id: RecurringId,
    #[serde(deserialize_with = "wire::text")]
    pub job_id: RecurringId,
    #[serde(default)]
    pub key: Option<String>,
    #[serde(default)]
    pub name: String,
    #[serde(rename = "type", default)]
    pub job_type: String,
    #[serde(default)]
    pub cron_expression: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub time_zone: String,
    #[serde(default)]
    pub enabled: bool,
    #[serde(default)]
    pub misfire_policy: String,
    #[serde(default)]
    pub catch_up_max: Option<u32>,
    #[serde(default)]
    pub overlap_policy: String,
    #[serde(default)]
    pub starts_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub ends_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub next_run_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub next_runs: Vec<String>,
    #[serde(default)]
    pub last_run_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub waiting: u32,
    #[serde(default)]
    pub parameters: Json,
    #[serde(default)]
    pub queue: Option<String>,
    #[serde(default)]
    pub priority: String,
    #[serde(default)]
    pub max_retries: Option<u32>,
    #[serde(default)]
    pub timeout: Option<String>,
    #[serde(default)]
    pub retry_delay: Option<String>,
    #[serde(default, deserialize_with = "wire::optional_list")]
    pub retry_intervals: Option<Vec<TimeSpan>>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[serde(default)]
    pub created_at: DateTime<Utc>,
    #[serde(default)]
    pub updated_at: DateTime<Utc>,
    #[serde(default)]
    pub last_outcomes: Option<Vec<Outcome>>,
    #[serde(default)]
    pub warnings: Vec<String>,
    #[serde(default)]
    pub revision: u32,
}

/// `RecurringListView` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecurringPage {
    pub recurring_jobs: Vec<RecurringJob>,
    pub total_count: u64,
    pub has_more: bool,
    #[serde(default)]
    pub end_cursor: Option<String>,
}

/// `RedeliveredView` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redelivered {
    pub redelivered: u64,
}

/// `Runner` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Runner {
    pub id: String,
    pub name: String,
    pub kind: String,
    pub workers: u32,
    pub busy: u32,
    pub is_draining: bool,
}

/// `SchedulePreview` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchedulePreview {
    pub cron_expression: String,
    pub time_zone: String,
    pub description: String,
    pub warnings: Vec<String>,
    #[serde(default)]
    pub clock_changes: Option<String>,
    pub times: Vec<PreviewTime>,
}

/// `ServerInfo` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    pub version: String,
    pub node: String,
    pub name: String,
    pub database: String,
    pub features: Vec<String>,
    pub paths: ServerPaths,
    pub limits: ServerLimits,
}

/// `ServerLimits` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerLimits {
    pub batch_jobs: u64,
    pub bulk_jobs: u64,
    pub parameters_bytes: u64,
    pub body_bytes: u64,
    pub batch_body_bytes: u64,
    pub response_bytes: u64,
    pub graphql_complexity: u64,
    pub graphql_depth: u64,
}

/// `ServerPaths` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerPaths {
    #[serde(default)]
    pub rest: Option<String>,
    #[serde(default)]
    pub graphql: Option<String>,
    #[serde(default)]
    pub websocket: Option<String>,
    #[serde(default)]
    pub hub: Option<String>,
}

/// `SkippedJobs` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SkippedJobs {
    pub reason: String,
    pub message: String,
    pub count: u64,
}

/// `StartEstimate` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartEstimate {
    pub starts_at: DateTime<Utc>,
    pub basis: String,
}

/// `SystemMetrics` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemMetrics {
    pub timestamp: DateTime<Utc>,
    pub system_health: String,
    pub total_jobs: u64,
    pub active_workers: u64,
    pub queue_length: u64,
    pub memory_usage: MemoryUsage,
    pub cpu_usage: CpuUsage,
}

/// `SystemOverview` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemOverview {
    pub timestamp: DateTime<Utc>,
    pub system_health: String,
    pub total_jobs: u64,
    pub active_workers: u64,
    pub queue_length: u64,
    pub memory_usage: MemoryUsage,
    pub cpu_usage: CpuUsage,
    pub health_reasons: Vec<HealthReason>,
}

/// `Throughput` of the API.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Throughput {
    pub jobs_per_minute: u64,
    pub jobs_per_hour: u64,
}

/// `Trend` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trend {
    pub date: String,
    pub jobs_executed: u64,
    pub success_rate: f64,
    #[serde(deserialize_with = "wire::text")]
    pub average_execution_time: TimeSpan,
}

/// `Upcoming` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upcoming {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub time_zone: String,
    pub hours: Vec<DueHour>,
    pub total_count: u64,
}

/// `WaitEvidence` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitEvidence {
    #[serde(default)]
    pub run_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub attempt: Option<u32>,
    #[serde(default)]
    pub retry_count: Option<u32>,
    #[serde(default)]
    pub max_retries: Option<u32>,
    #[serde(default)]
    pub losses: Option<u32>,
    #[serde(default)]
    pub error: Option<String>,
    #[serde(default)]
    pub by: Option<String>,
    #[serde(default)]
    pub types: Vec<String>,
    #[serde(default)]
    pub nearest_type: Option<String>,
    #[serde(default)]
    pub rate: Option<String>,
    #[serde(default)]
    pub concurrency: Option<u32>,
    #[serde(default)]
    pub running: Option<u32>,
    #[serde(default)]
    pub server: Option<String>,
    #[serde(default)]
    pub ahead: Option<u64>,
    #[serde(default)]
    pub is_exact: Option<bool>,
    #[serde(default)]
    pub runners: Vec<Runner>,
    #[serde(default)]
    pub node: Option<JobHolder>,
    #[serde(default)]
    pub cancel_requested: Option<bool>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub clock_ahead: Option<TimeSpan>,
    #[serde(default)]
    pub problems: Vec<String>,
    #[serde(default)]
    pub status: Option<String>,
}

/// `WaitReason` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WaitReason {
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub since: Option<DateTime<Utc>>,
    #[serde(default)]
    pub until: Option<DateTime<Utc>>,
    pub evidence: WaitEvidence,
    #[serde(default)]
    pub remedy: Option<String>,
}

/// `WebhookDelivery` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDelivery {
    pub id: String,
    pub endpoint_id: String,
    pub webhook_id: String,
    pub event: String,
    pub timestamp: DateTime<Utc>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub job_id: Option<JobId>,
    pub status: String,
    pub attempts: u32,
    #[serde(default)]
    pub next_attempt_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub last_attempt_at: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "wire::optional")]
    pub duration: Option<TimeSpan>,
    pub request: WebhookRequest,
    #[serde(default)]
    pub response: Option<WebhookResponse>,
    #[serde(default)]
    pub error: Option<String>,
}

/// `WebhookDeliveryList` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDeliveryList {
    pub deliveries: Vec<WebhookDelivery>,
    pub has_more: bool,
}

/// `WebhookEndpoint` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpoint {
    pub id: String,
    pub name: String,
    pub url: String,
    pub events: Vec<String>,
    pub enabled: bool,
    #[serde(default)]
    pub disabled_reason: Option<String>,
    #[serde(default)]
    pub disabled_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub failing_since: Option<DateTime<Utc>>,
    pub retry_policy: WebhookRetryPolicy,
    pub source: String,
    #[serde(default)]
    pub previous_secret_until: Option<DateTime<Utc>>,
    #[serde(default)]
    pub node: Option<String>,
    #[serde(default)]
    pub unconfigured_since: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub revision: u32,
    #[serde(default)]
    pub secret: Option<String>,
}

/// `WebhookEndpointList` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpointList {
    pub endpoints: Vec<WebhookEndpoint>,
}

/// `WebhookRequest` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookRequest {
    pub body: Json,
}

/// `WebhookResponse` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookResponse {
    pub status: u32,
    #[serde(default)]
    pub body: Option<String>,
}

/// `WebhookRetryPolicy` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookRetryPolicy {
    pub max_retries: u32,
    #[serde(deserialize_with = "wire::text")]
    pub retry_delay: TimeSpan,
}

/// `WebhookRetryPolicyRequest` of the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookRetryPolicyRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_retries: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "wire::write_optional")]
    pub retry_delay: Option<TimeSpan>,
}

/// `WebhookTest` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookTest {
    pub webhook_id: String,
}

/// `Worker` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerInfo {
    pub id: String,
    pub name: String,
    pub status: String,
    pub types: Vec<String>,
    pub queues: Vec<String>,
    pub concurrency: u32,
    pub running_jobs: u64,
    pub registered_at: DateTime<Utc>,
    pub last_heartbeat_at: DateTime<Utc>,
    pub lease_until: DateTime<Utc>,
    #[serde(deserialize_with = "wire::text")]
    pub lease: TimeSpan,
    #[serde(deserialize_with = "wire::text")]
    pub heartbeat_interval: TimeSpan,
    #[serde(default)]
    pub refused_types: Option<Vec<String>>,
}

/// `WorkerList` of the API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerList {
    pub workers: Vec<WorkerInfo>,
    pub has_more: bool,
}

/// `WebhookEndpointOptions` of the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpointOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<WebhookRetryPolicyRequest>,
}

/// `WebhookEndpointUpdate` of the API.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEndpointUpdate {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_policy: Option<WebhookRetryPolicyRequest>,
}
