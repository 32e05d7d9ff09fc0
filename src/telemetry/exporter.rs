//! Exports traces and metrics to their destinations, on a thread of its own.
//!
//! Exporting never blocks. Reports arrive over a bounded channel, spans wait in a bounded queue for each destination,
//! and a destination that does not accept them loses them; the number is counted and logged. When more jobs run than
//! may be traced, the sampling ratio decreases; sampled traces stay complete.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::dropped_spans::DroppedSpans;
use super::exporters::{Destination, DestinationOptions};
use super::metric_reader::SharedReader;
use super::metrics::{ExportError, Meters};
use super::spans::span_of;
use crate::domain::values::id::NodeId;
use crate::domain::values::trace_context::SamplingRatio;
use crate::service::limits::ReadLane;
use crate::service::traces::{TraceReport, Traces};

/// Capacity of a destination's queue, in spans.
const QUEUE_CAPACITY: usize = 4_096;
/// Maximum number of spans in a batch.
const BATCH_MAX: usize = 512;
/// Time that a batch collects spans.
const BATCH_WINDOW: Duration = Duration::from_secs(1);
/// Maximum number of reports received at once.
const REPORTS_MAX: usize = 256;
/// Interval of adjusting the sampling ratio.
const SAMPLING_INTERVAL: Duration = Duration::from_secs(1);
/// Minimum interval of log messages about lost telemetry.
const LOSS_LOG_INTERVAL: Duration = Duration::from_secs(60);
/// The version of OpenTelemetry's SDK in Cargo.toml.
const SDK_VERSION: &str = "0.33";
/// Timeout of the final flush at shutdown.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Options of exporting telemetry.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// Destinations.
    pub destinations: Vec<DestinationOptions>,
    /// Maximum number of traced jobs per second.
    pub traces_per_second_max: u32,
    /// Interval of exporting metrics.
    pub metrics_interval: Duration,
    /// Attributes of this server.
    pub identity: Identity,
}

/// Attributes that identify this server.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Name of the service.
    pub service_name: Arc<str>,
    /// Name of the node, which several servers may share.
    pub node_name: Arc<str>,
    /// Further attributes from the configuration.
    pub attributes: Vec<(String, String)>,
}

impl Identity {
    /// A resource by the semantic conventions; `instance` is the id of this run of the server.
    pub(super) fn resource(&self, instance: NodeId) -> Resource {
        let own = [
            ("service.name", self.service_name.to_string()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", instance.to_string()),
            ("tickerq.node.name", self.node_name.to_string()),
            ("telemetry.sdk.name", "opentelemetry".to_owned()),
            ("telemetry.sdk.language", "rust".to_owned()),
            ("telemetry.sdk.version", SDK_VERSION.to_owned()),
        ];
        let own = own.into_iter().map(|(key, value)| KeyValue::new(key, value));
        // The last value of a key counts. The service's name has a setting of its own.
        let named = self.attributes.iter().filter(|(key, _)| key != "service.name");
        let named = named.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let all = own.chain(named);
        Resource::builder_empty().with_attributes(all).build()
    }
}

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

/// Sources of spans.
struct SpanSources {
    reports: Option<mpsc::Receiver<TraceReport>>,
    traces: Traces,
    lost: DroppedSpans,
    per_second_max: u64,
}

/// The queue of spans of one destination.
struct SpanQueue {
    destination: Arc<Destination>,
    spans: mpsc::Sender<SpanData>,
}

async fn export(routes: Vec<Route>, sources: SpanSources, is_time: Arc<Notify>, stopped: oneshot::Receiver<()>) {
    let mut queues = Vec::new();
    let mut tasks = JoinSet::new();
    let stopping = CancellationToken::new();
    for line in routes {
        let Route {
            destination,
            name,
            wants_traces,
            reader,
        } = line;
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
    gather(sources, &queues, stopped).await;
    // Closing the queues flushes the remaining spans.
    drop(queues);
    stopping.cancel();
    let end = Instant::now() + FLUSH_TIMEOUT;
    while let Ok(Some(_)) = timeout_at(end, tasks.join_next()).await {}
}

/// Converts reports to spans until the server stops.
async fn gather(sources: SpanSources, queues: &[SpanQueue], mut stopped: oneshot::Receiver<()>) {
    let SpanSources {
        reports,
        traces,
        lost,
        per_second_max,
    } = sources;
    let (Some(mut reports), Some(ratio)) = (reports, traces.sampling_ratio()) else {
        // Metrics only.
        let _ = stopped.await;
        return;
    };
    let mut sampler = AdaptiveSampler::new(per_second_max);
    let mut drop_log = DropLog::default();
    let mut ticks = interval(SAMPLING_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::with_capacity(REPORTS_MAX);
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            _ = ticks.tick() => {
                sampler.look(&traces);
                drop_log.report(lost.count());
            }
            count = reports.recv_many(&mut batch, REPORTS_MAX) => {
                if count == 0 {
                    let _ = stopped.await;
                    return;
                }
                tell(&mut batch, ratio, queues, &lost, &mut sampler);
                if sampler.is_used_up() {
                    sampler.look(&traces);
                    ticks.reset();
                }
            }
        }
    }
    while let Ok(report) = reports.try_recv() {
        batch.push(report);
    }
    tell(&mut batch, ratio, queues, &lost, &mut sampler);
}

fn tell(
    batch: &mut Vec<TraceReport>,
    ratio: SamplingRatio,
    queues: &[SpanQueue],
    lost: &DroppedSpans,
    sampler: &mut AdaptiveSampler,
) {
    for report in batch.drain(..) {
        if matches!(report, TraceReport::Started(_)) {
            sampler.started += 1;
        }
        let Some(span) = span_of(&report, ratio) else { continue };
        for way in queues {
            if let Some(span) = way.destination.chosen(&span)
                && way.spans.try_send(span).is_err()
            {
                lost.add(1);
            }
        }
    }
}

/// Adaptive sampling: limits the number of traced jobs per second.
struct AdaptiveSampler {
    per_second_max: u64,
    /// Attempts started since the last adjustment.
    started: u64,
    missed: u64,
    looked_at: Instant,
    /// The current sampling ratio.
    ratio: f64,
}

impl AdaptiveSampler {
    fn new(per_second_max: u64) -> Self {
        Self {
            per_second_max,
            started: 0,
            missed: 0,
            looked_at: Instant::now(),
            ratio: 1.0,
        }
    }

    /// True if the number of started attempts has reached the limit of a second: then the ratio is adjusted at once.
    fn is_used_up(&self) -> bool {
        self.started >= self.per_second_max
    }

    /// Adjusts the sampling ratio.
    fn look(&mut self, traces: &Traces) {
        let took = self.looked_at.elapsed().as_secs_f64().max(0.001);
        self.looked_at = Instant::now();
        let missed = traces.missed();
        // An attempt has three reports: created, started and ended.
        let started = std::mem::take(&mut self.started) + (missed - self.missed) / 3;
        self.missed = missed;
        let ratio = next_ratio(self.ratio, started as f64 / took, self.per_second_max as f64);
        if (ratio - self.ratio).abs() > f64::EPSILON {
            self.ratio = ratio;
            traces.set_sampling_ratio(SamplingRatio::of(ratio));
        }
    }
}

/// The next sampling ratio, when `ratio` has resulted in `per_second` traces.
fn next_ratio(ratio: f64, per_second: f64, most: f64) -> f64 {
    if per_second > most {
        ratio * most / per_second
    } else if per_second < most * 0.8 {
        // A moderate increase: at most one and a half times the limit.
        (ratio * 1.5).min(1.0)
    } else {
        ratio
    }
}

/// Exports spans, in batches of up to a second.
async fn send_spans(
    destination: Arc<Destination>,
    name: &'static str,
    mut spans: mpsc::Receiver<SpanData>,
    lost: DroppedSpans,
) {
    let mut failures = FailureLog::default();
    loop {
        let mut batch = Vec::new();
        if spans.recv_many(&mut batch, BATCH_MAX).await == 0 {
            return;
        }
        let end = Instant::now() + BATCH_WINDOW;
        while batch.len() < BATCH_MAX {
            let room = BATCH_MAX - batch.len();
            match timeout_at(end, spans.recv_many(&mut batch, room)).await {
                Ok(count) if count > 0 => {}
                Ok(_) | Err(_) => break,
            }
        }
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        if let Err(error) = destination.send_spans(batch).await {
            lost.add(count);
            failures.report(name, "spans", &error);
        } else {
            failures.recovered(name, "spans");
        }
    }
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

/// Logs failures of a destination: at once, and then at intervals.
#[derive(Default)]
struct FailureLog {
    logged_at: Option<Instant>,
}

impl FailureLog {
    fn report(&mut self, name: &str, what: &str, error: &OTelSdkError) {
        if self.logged_at.is_none_or(|at| at.elapsed() >= LOSS_LOG_INTERVAL) {
            warn!("exporting {what} to {name} failed: {error}");
            self.logged_at = Some(Instant::now());
        }
    }

    fn recovered(&mut self, name: &str, what: &str) {
        if self.logged_at.take().is_some() {
            tracing::info!("exporting {what} to {name} recovered");
        }
    }
}

/// Logs dropped spans at intervals.
#[derive(Default)]
struct DropLog {
    logged: u64,
    logged_at: Option<Instant>,
}

impl DropLog {
    fn report(&mut self, all: u64) {
        if all > self.logged && self.logged_at.is_none_or(|at| at.elapsed() >= LOSS_LOG_INTERVAL) {
            warn!("dropped {} spans (exporter failures or full queue)", all - self.logged);
            self.logged = all;
            self.logged_at = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_sampling_ratio_converges_to_the_limit_under_any_load(load in 1.0..1e6_f64, most in 1.0..1e5_f64) {
            let mut ratio = 1.0;
            for _ in 0..60 {
                ratio = next_ratio(ratio, load * ratio, most);
                prop_assert!((0.0..=1.0).contains(&ratio));
            }
            prop_assert!(load * ratio <= most * 1.2, "{} of {load}", load * ratio);
            prop_assert!(ratio >= 1.0 || load * ratio >= most * 0.5, "{} of {load}", load * ratio);
        }
    }
}
