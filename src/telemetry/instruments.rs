//! Counters and histograms of jobs and commits, which commit reports feed.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use super::labels::Labels;
use super::spans::JOB_FAILED;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::histogram::Measure;
use crate::domain::metrics::rollup::{RollupCounts, RollupEntry};
use crate::domain::values::name::{JobType, QueueName};
use crate::service::metrics::{CommitReport, DeliveryReport};

/// Bucket bounds of job durations, in seconds: from a millisecond to an hour.
const SECONDS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0, 3_600.0,
];
/// Bucket bounds of commit durations, in seconds.
const COMMIT_SECONDS: [f64; 11] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
/// Bucket bounds of commit sizes, in changes.
const COMMIT_CHANGES: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0];

/// Counters and histograms.
pub(super) struct Instruments {
    labels: Labels,
    jobs: Counter<u64>,
    duration: Histogram<f64>,
    wait: Histogram<f64>,
    retries: Counter<u64>,
    deliveries: Counter<u64>,
    delivery_duration: Histogram<f64>,
    commit_duration: Histogram<f64>,
    commit_changes: Histogram<u64>,
    /// The same as `jobs` and `duration`, by the semantic conventions for messaging.
    sent: Counter<u64>,
    consumed: Counter<u64>,
    processed: Histogram<f64>,
}

impl Instruments {
    /// Creates them; `labels` are shared by all instruments.
    pub(super) fn new(meter: &Meter, labels: Labels) -> Self {
        let seconds = |name, description, bounds: &[f64]| {
            meter
                .f64_histogram(name)
                .with_unit("s")
                .with_description(description)
                .with_boundaries(bounds.to_vec())
                .build()
        };
        Self {
            labels,
            sent: meter
                .u64_counter("messaging.client.sent.messages")
                .with_unit("{message}")
                .with_description("Jobs stored by this server")
                .build(),
            consumed: meter
                .u64_counter("messaging.client.consumed.messages")
                .with_unit("{message}")
                .with_description("Attempts started by this server")
                .build(),
            processed: seconds(
                "messaging.process.duration",
                "Duration of completed and failed attempts",
                &SECONDS,
            ),
            jobs: meter
                .u64_counter("tickerq_jobs")
                .with_description("Jobs by resulting status")
                .build(),
            duration: seconds(
                "tickerq_job_duration",
                "Duration of completed and failed attempts",
                &SECONDS,
            ),
            wait: seconds("tickerq_job_wait", "Time from due time to start", &SECONDS),
            retries: meter
                .u64_counter("tickerq_job_retries")
                .with_description("Failed attempts that are retried")
                .build(),
            deliveries: meter
                .u64_counter("tickerq_webhook_deliveries")
                .with_description("Webhook delivery attempts of this server, by status of the delivery")
                .build(),
            delivery_duration: seconds(
                "tickerq_webhook_duration",
                "Response time of webhook endpoints",
                &SECONDS,
            ),
            commit_duration: seconds("tickerq_commit_duration", "Duration of commits", &COMMIT_SECONDS),
            commit_changes: meter
                .u64_histogram("tickerq_commit_changes")
                .with_description("Changes per commit")
                .with_boundaries(COMMIT_CHANGES.to_vec())
                .build(),
        }
    }

    /// Records a commit.
    pub(super) fn record(&mut self, report: CommitReport) {
        let CommitReport {
            changes,
            took,
            created,
            entries,
            deliveries,
        } = report;
        self.commit_duration.record(took.as_secs_f64(), &[]);
        self.commit_changes
            .record(u64::try_from(changes).unwrap_or(u64::MAX), &[]);
        for (queue, job_type) in &created {
            self.count(queue, job_type, JobStatus::Pending, 1);
            let [system, queue, job_type] = self.labels.of_job(queue, job_type).messaging;
            let operation = KeyValue::new("messaging.operation.name", "create");
            self.sent.add(1, &[system, queue, job_type, operation]);
        }
        for entry in entries {
            self.record_entry(&entry);
        }
        for DeliveryReport { endpoint, attempts } in deliveries {
            let endpoint = self.labels.of_endpoint(&endpoint);
            for (end, took) in attempts {
                let labels = [endpoint.clone(), KeyValue::new("status", end.as_str())];
                self.deliveries.add(1, &labels);
                self.delivery_duration
                    .record(took.as_secs_f64(), std::slice::from_ref(&endpoint));
            }
        }
    }

    fn record_entry(&mut self, entry: &RollupEntry) {
        let RollupEntry {
            time_bucket: _,
            slice: _,
            queue,
            job_type,
            counts,
            measured,
            has_failed,
        } = entry;
        let RollupCounts {
            started,
            completed,
            attempts_failed: _,
            abandoned: _,
            jobs_failed,
            jobs_cancelled,
            run_micros,
            wait_micros,
        } = *counts;
        for (status, count) in [
            (JobStatus::Running, started),
            (JobStatus::Completed, completed),
            (JobStatus::Failed, jobs_failed),
            (JobStatus::Cancelled, jobs_cancelled),
        ] {
            self.count(queue, job_type, status, count);
        }
        let labels = self.labels.of_job(queue, job_type);
        let [system, destination, kind] = labels.messaging;
        if started > 0 {
            let operation = KeyValue::new("messaging.operation.name", "process");
            let labels = [system.clone(), destination.clone(), kind.clone(), operation];
            self.consumed.add(started, &labels);
        }
        if measured.is_none() && !has_failed {
            return;
        }
        let labels = labels.own;
        match measured {
            Some((Measure::Run, _)) => {
                let seconds = run_micros as f64 / 1e6;
                self.duration.record(seconds, &labels);
                let operation = KeyValue::new("messaging.operation.name", "process");
                if *has_failed {
                    let error = KeyValue::new("error.type", JOB_FAILED);
                    self.processed
                        .record(seconds, &[system, destination, kind, operation, error]);
                } else {
                    self.processed.record(seconds, &[system, destination, kind, operation]);
                }
            }
            Some((Measure::Wait, _)) => self.wait.record(wait_micros as f64 / 1e6, &labels),
            None => {}
        }
        if *has_failed && jobs_failed == 0 && jobs_cancelled == 0 {
            self.retries.add(1, &labels);
        }
    }

    fn count(&mut self, queue: &QueueName, job_type: &JobType, status: JobStatus, count: u64) {
        if count == 0 {
            return;
        }
        let [queue, job_type] = self.labels.of_job(queue, job_type).own;
        self.jobs
            .add(count, &[queue, job_type, KeyValue::new("status", status.as_str())]);
    }
}
