//! Gauges, which read a snapshot.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::labels::{Labels, OTHER};
use crate::domain::metrics::health::HealthState;
use crate::domain::queue::{StatusCounts, StoredQueue, Throughput};
use crate::domain::values::name::QueueName;
use crate::service::metrics::Gauges;

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
            let mut values: Vec<(KeyValue, f64)> = Vec::new();
            for (queue, number) in snapshot.gauges().as_ref().map(&read).unwrap_or_default() {
                let label = labels.of_queue(&queue);
                match values.iter_mut().find(|(known, _)| *known == label) {
                    Some((_, sum)) => *sum += number,
                    None => values.push((label, number)),
                }
            }
            for (label, number) in values {
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

/// Creates the gauges, which read the snapshot.
pub(super) fn create_gauges(meter: &Meter, snapshot: &Snapshot) {
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
            .with_callback(snapshot.of_server(|gauges| gauges.commit_reports_dropped as f64))
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
