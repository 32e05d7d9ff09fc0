//! Exports traces and metrics to their destinations, on a thread of its own.
//!
//! Exporting never blocks. Reports arrive over a bounded channel, spans wait in a bounded queue for each destination,
//! and a destination that does not accept them loses them; the number is counted and logged. When more jobs run than
//! may be traced, the sampling ratio decreases; sampled traces stay complete.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::dropped_spans::DroppedSpans;
use super::exporters::Destination;
use super::failure_log::FailureLog;
use super::metric_reader::SharedReader;
use super::metrics::{ExportError, Meters};
use super::options::TelemetryOptions;
use super::span_export::{QUEUE_CAPACITY, SpanQueue, SpanSources, convert_reports, send_spans};
use crate::service::limits::ReadLane;
use crate::service::traces::Traces;

/// Timeout of the final flush at shutdown.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// The readers of the destinations, which are created before metrics start.
pub(super) fn readers(options: &TelemetryOptions) -> Vec<Option<SharedReader>> {
    let destinations = options.destinations.iter();
    destinations
        .map(|destination| destination.temporality().map(SharedReader::new))
        .collect()
}

/// The running export. Dropping it ends the export without a flush.
pub struct TelemetryExport {
    /// Metrics are collected as long as this reference exists.
    _meters: Option<Arc<Meters>>,
    thread: Option<JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

impl TelemetryExport {
    /// Starts exporting. Needs a running tokio runtime, which reads the metrics.
    pub(super) fn start(
        options: &TelemetryOptions,
        resource: &Resource,
        traces: &Traces,
        lost: DroppedSpans,
        meters: Option<Arc<Meters>>,
        readers: Vec<Option<SharedReader>>,
    ) -> Result<Self, ExportError> {
        let (stop, stopped) = oneshot::channel();
        let is_time = Arc::new(Notify::new());
        if let Some(meters) = &meters {
            schedule_metrics(meters, &is_time, options.metrics_interval);
        }
        let sources = SpanSources {
            reports: traces.open(),
            traces: traces.clone(),
            lost,
            per_second_max: u64::from(options.traces_per_second_max),
        };
        let mut routes = Vec::with_capacity(options.destinations.len());
        for (destination, reader) in options.destinations.iter().zip(readers) {
            routes.push(Route {
                destination: Arc::new(Destination::open(destination, resource)?),
                name: destination.name(),
                wants_traces: destination.wants_traces(),
                reader,
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ExportError::of)?;
        let thread = std::thread::Builder::new()
            .name("telemetry".to_owned())
            .spawn(move || runtime.block_on(export(routes, sources, is_time, stopped)))
            .map_err(ExportError::of)?;
        Ok(Self {
            _meters: meters,
            thread: Some(thread),
            stop: Some(stop),
        })
    }

    /// Flushes and stops, within a few seconds.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // Fails if the thread has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // The thread ends after its final flush.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// Reads and exports metrics at intervals, until the last receiver is gone.
fn schedule_metrics(meters: &Arc<Meters>, is_time: &Arc<Notify>, every: Duration) {
    let (meters, is_time) = (Arc::downgrade(meters), Arc::clone(is_time));
    tokio::spawn(async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is immediate, when there is nothing to export yet.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let Some(meters) = meters.upgrade() else { return };
            if let Err(failure) = ReadLane::Internal.scope(meters.refresh()).await {
                debug!("failed to read gauge snapshot: {failure}");
            }
            is_time.notify_waiters();
        }
    });
}

/// A destination with its channels.
struct Route {
    destination: Arc<Destination>,
    name: &'static str,
    wants_traces: bool,
    reader: Option<SharedReader>,
}

async fn export(routes: Vec<Route>, sources: SpanSources, is_time: Arc<Notify>, stopped: oneshot::Receiver<()>) {
    let mut queues = Vec::new();
    let mut tasks = JoinSet::new();
    let stopping = CancellationToken::new();
    for route in routes {
        let Route {
            destination,
            name,
            wants_traces,
            reader,
        } = route;
        if wants_traces {
            let (sender, spans) = mpsc::channel(QUEUE_CAPACITY);
            queues.push(SpanQueue {
                destination: Arc::clone(&destination),
                spans: sender,
            });
            tasks.spawn(send_spans(Arc::clone(&destination), name, spans, sources.lost.clone()));
        }
        if let Some(reader) = reader {
            let (is_time, stopping) = (Arc::clone(&is_time), stopping.clone());
            tasks.spawn(send_metrics(destination, name, reader, is_time, stopping));
        }
    }
    convert_reports(sources, &queues, stopped).await;
    // Closing the queues flushes the remaining spans.
    drop(queues);
    stopping.cancel();
    let end = Instant::now() + FLUSH_TIMEOUT;
    while let Ok(Some(_)) = timeout_at(end, tasks.join_next()).await {}
}

/// Exports metrics at intervals, and a last time at shutdown.
async fn send_metrics(
    destination: Arc<Destination>,
    name: &'static str,
    reader: SharedReader,
    is_time: Arc<Notify>,
    stopping: CancellationToken,
) {
    let mut failures = FailureLog::default();
    while !stopping.is_cancelled() {
        tokio::select! {
            () = is_time.notified() => {}
            () = stopping.cancelled() => {}
        }
        let Some(metrics) = reader.read() else { return };
        if let Err(error) = destination.send_metrics(&metrics).await {
            failures.report(name, "metrics", &error);
        } else {
            failures.recovered(name, "metrics");
        }
    }
}
