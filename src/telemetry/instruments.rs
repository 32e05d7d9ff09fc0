//! Instruments and their sources: counters and histograms are fed by commit reports, gauges by a snapshot.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Counter, Histogram, Meter};

use super::dropped_spans::DroppedSpans;
use super::labels::{Labels, OTHER};
use super::spans::JOB_FAILED;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::health::HealthState;
use crate::domain::metrics::histogram::Measure;
use crate::domain::metrics::rollup::{RollupCounts, RollupEntry};
use crate::domain::queue::{StatusCounts, StoredQueue, Throughput};
use crate::domain::values::name::{JobType, QueueName};
use crate::service::facade_metrics::Traffic;
use crate::service::facade_metrics::connections::HttpConnections;
use crate::service::facade_metrics::requests::{RequestKind, RequestSums};
use crate::service::metrics::{CommitReport, DeliveryReport, Gauges};

/// Bucket bounds of job durations, in seconds: from a millisecond to an hour.
const SECONDS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0, 3_600.0,
];
/// Bucket bounds of request durations, in seconds: those of the semantic conventions for HTTP.
const REQUEST_SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
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
            marks,
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
        for mark in marks {
            self.record_entry(&mark);
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

    fn record_entry(&mut self, mark: &RollupEntry) {
        let RollupEntry {
            time_bucket: _,
            queue,
            job_type,
            counts,
            measured,
            has_failed,
        } = mark;
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

/// The current values of gauges.
#[derive(Clone, Default)]
pub(super) struct Snapshot {
    gauges: Arc<Mutex<Option<Gauges>>>,
    labels: Labels,
}

impl Snapshot {
    /// Replaces the values.
    pub(super) fn put(&self, gauges: Gauges) {
        let queues = gauges.queues.iter().map(|metrics| &metrics.queue.name).collect();
        self.labels.keep(&queues, &gauges.endpoints.iter().collect());
        *self.gauges() = Some(gauges);
    }

    /// The labels of all instruments.
    pub(super) fn labels(&self) -> Labels {
        self.labels.clone()
    }

    /// The names of existing queues and webhook endpoints, including that of aggregated ones.
    pub(super) fn names(&self) -> (HashSet<String>, HashSet<String>) {
        let gauges = self.gauges();
        let other = || std::iter::once(OTHER.to_owned());
        let queues = gauges.iter().flat_map(|gauges| &gauges.queues);
        let endpoints = gauges.iter().flat_map(|gauges| &gauges.endpoints);
        (
            queues
                .map(|metrics| metrics.queue.name.to_string())
                .chain(other())
                .collect(),
            endpoints.map(ToString::to_string).chain(other()).collect(),
        )
    }

    fn gauges(&self) -> MutexGuard<'_, Option<Gauges>> {
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a gauge with a value for each queue; queues beyond the limit are aggregated.
    fn of_queues(
        &self,
        read: impl Fn(&Gauges) -> Vec<(QueueName, f64)> + Send + Sync + 'static,
    ) -> impl Fn(&dyn AsyncInstrument<f64>) + Send + Sync + 'static {
        let (snapshot, labels) = (self.clone(), self.labels.clone());
        move |gauge| {
            let mut shown: Vec<(KeyValue, f64)> = Vec::new();
            for (queue, number) in snapshot.gauges().as_ref().map(&read).unwrap_or_default() {
                let label = labels.of_queue(&queue);
                match shown.iter_mut().find(|(known, _)| *known == label) {
                    Some((_, sum)) => *sum += number,
                    None => shown.push((label, number)),
                }
            }
            for (label, number) in shown {
                gauge.observe(number, &[label]);
            }
        }
    }

    /// Creates a gauge of the server.
    fn of_server(
        &self,
        read: impl Fn(&Gauges) -> f64 + Send + Sync + 'static,
    ) -> impl Fn(&dyn AsyncInstrument<f64>) + Send + Sync + 'static {
        let snapshot = self.clone();
        move |gauge| {
            if let Some(number) = snapshot.gauges().as_ref().map(&read) {
                gauge.observe(number, &[]);
            }
        }
    }
}

fn counts(queue: &StoredQueue) -> StatusCounts {
    let StoredQueue {
        name: _,
        is_paused: _,
        counts,
        throughput: Throughput { .. },
    } = queue;
    *counts
}

/// Creates the counter of dropped spans.
pub(super) fn show_dropped_spans(meter: &Meter, dropped: &DroppedSpans) {
    for (name, description) in [
        (
            "tickerq_spans_dropped",
            "Spans dropped by failed exports or full buffers",
        ),
        ("tickerq_spans_lost", "Deprecated: use tickerq_spans_dropped_total"),
    ] {
        let dropped = dropped.clone();
        meter
            .u64_observable_counter(name)
            .with_description(description)
            .with_callback(move |counter| counter.observe(dropped.count(), &[]))
            .build();
    }
}

/// Creates the gauges of HTTP connections.
fn show_connections(meter: &Meter, connections: &HttpConnections) {
    let open = connections.clone();
    meter
        .u64_observable_gauge("tickerq_http_connections")
        .with_description("Open HTTP connections")
        .with_callback(move |gauge| gauge.observe(open.open(), &[]))
        .build();
    let max = connections.clone();
    meter
        .u64_observable_gauge("tickerq_http_connections_max")
        .with_description("Limit of open HTTP connections")
        .with_callback(move |gauge| max.max().into_iter().for_each(|max| gauge.observe(max, &[])))
        .build();
    let files = connections.clone();
    meter
        .u64_observable_gauge("tickerq_open_files_max")
        .with_description("Limit of the process's open files")
        .with_callback(move |gauge| files.files_max().into_iter().for_each(|max| gauge.observe(max, &[])))
        .build();
    let refused = connections.clone();
    meter
        .u64_observable_counter("tickerq_http_connections_refused")
        .with_description("HTTP connections and requests rejected by a connection limit")
        .with_callback(move |counter| counter.observe(refused.refused_total(), &[]))
        .build();
}

/// Creates the counters of facades.
pub(super) fn show_traffic(meter: &Meter, traffic: &Traffic) {
    let Traffic {
        requests,
        operations,
        clients,
        connections,
    } = traffic.clone();
    show_connections(meter, &connections);
    meter
        .u64_observable_counter("tickerq_graphql_operations")
        .with_description("Finished GraphQL operations by type and outcome")
        .with_callback(move |counter| {
            for (kind, outcome, count) in operations.counts() {
                let labels = [
                    KeyValue::new("operation", kind.as_str()),
                    KeyValue::new("outcome", outcome.as_str()),
                ];
                counter.observe(count, &labels);
            }
        })
        .build();
    meter
        .u64_observable_gauge("tickerq_connected_clients")
        .with_description("Connected clients of live updates")
        .with_callback(move |gauge| {
            for (kind, count) in clients.counts() {
                gauge.observe(count, &[KeyValue::new("kind", kind.as_str())]);
            }
        })
        .build();
    let durations = meter
        .f64_histogram("http.server.request.duration")
        .with_unit("s")
        .with_description("Duration of HTTP requests")
        .with_boundaries(REQUEST_SECONDS.to_vec())
        .build();
    requests.observe(move |kind, took| {
        let RequestKind { route, method, status } = kind;
        let mut labels = vec![
            KeyValue::new("http.request.method", *method),
            KeyValue::new("http.route", Arc::clone(route)),
            KeyValue::new("http.response.status_code", i64::from(*status)),
            KeyValue::new("url.scheme", "http"),
        ];
        if *status >= 500 {
            labels.push(KeyValue::new("error.type", status.to_string()));
        }
        durations.record(took.as_secs_f64(), &labels);
    });
    let observe = |number: fn(&RequestSums) -> f64| {
        let requests = requests.clone();
        move |counter: &dyn AsyncInstrument<f64>| {
            for (kind, sums) in requests.sums() {
                let RequestKind { route, method, status } = kind;
                let labels = [
                    KeyValue::new("method", method),
                    KeyValue::new("route", route),
                    KeyValue::new("status", i64::from(status)),
                ];
                counter.observe(number(&sums), &labels);
            }
        }
    };
    meter
        .f64_observable_counter("tickerq_http_requests")
        .with_description("Deprecated: use http_server_request_duration_seconds_count")
        .with_callback(observe(|sums| sums.count as f64))
        .build();
    meter
        .f64_observable_counter("tickerq_http_request")
        .with_unit("s")
        .with_description("Deprecated: use http_server_request_duration_seconds_sum")
        .with_callback(observe(|sums| sums.took.as_secs_f64()))
        .build();
}

/// Creates the gauges, which read the snapshot.
pub(super) fn show(meter: &Meter, snapshot: &Snapshot) {
    let gauge = |name, description| meter.f64_observable_gauge(name).with_description(description);
    let counter = |name, description| meter.f64_observable_counter(name).with_description(description);
    let by_queue = |number: fn(&StatusCounts) -> u64| {
        snapshot.of_queues(move |gauges| {
            let queues = gauges.queues.iter();
            queues
                .map(|metrics| (metrics.queue.name.clone(), number(&counts(&metrics.queue)) as f64))
                .collect()
        })
    };
    gauge("tickerq_queue_length", "Pending jobs on all servers")
        .with_callback(by_queue(|counts| counts.pending))
        .build();
    gauge("tickerq_workers_busy", "Workers that run a job on all servers")
        .with_callback(by_queue(|counts| counts.running))
        .build();
    gauge("tickerq_workers", "Workers of this server")
        .with_callback(snapshot.of_queues(|gauges| {
            let queues = gauges.queues.iter();
            queues
                .map(|metrics| (metrics.queue.name.clone(), f64::from(metrics.workers)))
                .collect()
        }))
        .build();
    gauge("tickerq_queue_latency", "Longest wait of a due job")
        .with_unit("s")
        .with_callback(snapshot.of_queues(|gauges| {
            let seconds = |name: &QueueName| {
                let found = gauges.latencies.iter().find(|(queue, _)| queue == name);
                found.map_or(0.0, |(_, waited)| waited.as_micros() as f64 / 1e6)
            };
            let queues = gauges.queues.iter();
            queues
                .map(|metrics| (metrics.queue.name.clone(), seconds(&metrics.queue.name)))
                .collect()
        }))
        .build();
    for (name, description) in [
        ("tickerq_write_queue_rows", "Rows in the write queue"),
        ("tickerq_writes_pending", "Deprecated: use tickerq_write_queue_rows"),
    ] {
        gauge(name, description)
            .with_callback(snapshot.of_server(|gauges| gauges.pending_rows as f64))
            .build();
    }
    gauge(
        "tickerq_handlers_blocked",
        "Handlers that still block a thread after their attempt has ended",
    )
    .with_callback(snapshot.of_server(|gauges| gauges.blocked_handlers as f64))
    .build();
    counter(
        "tickerq_actor_restarts",
        "Parts of the server that have failed and were restarted",
    )
    .with_callback(snapshot.of_server(|gauges| gauges.restarts as f64))
    .build();
    for (name, description) in [
        (
            "tickerq_commit_reports_dropped",
            "Commits that are missing in these metrics",
        ),
        (
            "tickerq_commits_missed",
            "Deprecated: use tickerq_commit_reports_dropped_total",
        ),
    ] {
        counter(name, description)
            .with_callback(snapshot.of_server(|gauges| gauges.commits_missed as f64))
            .build();
    }
    {
        let snapshot = snapshot.clone();
        gauge(
            "tickerq_actor_mailbox_lag",
            "Longest wait of a message for an actor of this kind",
        )
        .with_unit("s")
        .with_callback(move |gauge| {
            let gauges = snapshot.gauges();
            for (actor, waited) in gauges.iter().flat_map(|gauges| &gauges.lags) {
                gauge.observe(waited.as_secs_f64(), &[KeyValue::new("actor", *actor)]);
            }
        })
        .build();
    }
    for (name, description) in [
        (
            "tickerq_health_status",
            "Health status: 0 healthy, 1 degraded, 2 unhealthy",
        ),
        ("tickerq_unhealthy", "Deprecated: use tickerq_health_status"),
    ] {
        gauge(name, description)
            .with_callback(snapshot.of_server(|gauges| match gauges.system.health.state {
                HealthState::Healthy => 0.0,
                HealthState::Degraded => 1.0,
                HealthState::Unhealthy => 2.0,
            }))
            .build();
    }
    gauge("tickerq_build_info", "1, with the version of the server")
        .with_callback(|gauge| gauge.observe(1.0, &[KeyValue::new("version", env!("CARGO_PKG_VERSION"))]))
        .build();
    gauge("process_start_time", "Start time of the process, since 1970")
        .with_unit("s")
        .with_callback(snapshot.of_server(|gauges| gauges.system.metrics.usage.started_at as f64))
        .build();
    counter("process_cpu", "Processor time of the process")
        .with_unit("s")
        .with_callback(snapshot.of_server(|gauges| gauges.system.metrics.usage.cpu_time.as_secs_f64()))
        .build();
    gauge("process_resident_memory", "Memory used by the process")
        .with_unit("By")
        .with_callback(snapshot.of_server(|gauges| gauges.system.metrics.usage.memory_used as f64))
        .build();
    gauge(
        "tickerq_memory_limit",
        "Memory limit: of the machine or of the container",
    )
    .with_unit("By")
    .with_callback(snapshot.of_server(|gauges| gauges.system.metrics.usage.memory_available as f64))
    .build();
    gauge(
        "tickerq_cpu_usage_ratio",
        "Processor usage of all cores together, from 0 to 1",
    )
    .with_callback(snapshot.of_server(|gauges| gauges.system.metrics.usage.cpu_percentage / 100.0))
    .build();
}
