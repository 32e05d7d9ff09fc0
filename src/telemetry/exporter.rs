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

use super::dropped_spans::LostSpans;
use super::exporters::{Destination, DestinationOptions};
use super::metric_reader::SharedReader;
use super::metrics::{ExportError, Meters};
use super::spans::span_of;
use crate::domain::values::id::NodeId;
use crate::domain::values::trace_context::Share;
use crate::service::traces::{TraceReport, Traces};

/// Capacity of a destination's queue, in spans.
const WAITING_MAX: usize = 4_096;
/// Maximum number of spans in a batch.
const BATCH_MAX: usize = 512;
/// Time that a batch collects spans.
const GATHERING: Duration = Duration::from_secs(1);
/// Maximum number of reports received at once.
const REPORTS: usize = 256;
/// Interval of adjusting the sampling ratio.
const SHARE_EVERY: Duration = Duration::from_secs(1);
/// Minimum interval of log messages about lost telemetry.
const LOSS_LOG_INTERVAL: Duration = Duration::from_secs(60);
/// The version of OpenTelemetry's SDK in Cargo.toml.
const SDK_VERSION: &str = "0.33";
/// Timeout of the final flush at shutdown.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Options of exporting telemetry.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// Destinations.
    pub destinations: Vec<DestinationOptions>,
    /// Maximum number of traced jobs per second.
    pub traces_per_second_max: u32,
    /// Interval of exporting metrics.
    pub numbers_every: Duration,
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
        .map(|destination| destination.wanted_numbers().map(SharedReader::new))
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
        lost: LostSpans,
        meters: Option<Arc<Meters>>,
        readers: Vec<Option<SharedReader>>,
    ) -> Result<Self, ExportError> {
        let (stop, stopped) = oneshot::channel();
        let is_time = Arc::new(Notify::new());
        if let Some(meters) = &meters {
            read_numbers(meters, &is_time, options.numbers_every);
        }
        let gathering = Gathering {
            reports: traces.open(),
            traces: traces.clone(),
            lost,
            per_second_max: u64::from(options.traces_per_second_max),
        };
        let mut lines = Vec::with_capacity(options.destinations.len());
        for (destination, reader) in options.destinations.iter().zip(readers) {
            lines.push(Line {
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
            .spawn(move || runtime.block_on(export(lines, gathering, is_time, stopped)))
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
fn read_numbers(meters: &Arc<Meters>, is_time: &Arc<Notify>, every: Duration) {
    let (meters, is_time) = (Arc::downgrade(meters), Arc::clone(is_time));
    tokio::spawn(async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is immediate, when there is nothing to export yet.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let Some(meters) = meters.upgrade() else { return };
            if let Err(failure) = meters.refresh().await {
                debug!("failed to read gauge snapshot: {failure}");
            }
            is_time.notify_waiters();
        }
    });
}

/// A destination with its channels.
struct Line {
    destination: Arc<Destination>,
    name: &'static str,
    wants_traces: bool,
    reader: Option<SharedReader>,
}

/// Sources of spans.
struct Gathering {
    reports: Option<mpsc::Receiver<TraceReport>>,
    traces: Traces,
    lost: LostSpans,
    per_second_max: u64,
}

/// The queue of spans of one destination.
struct Way {
    destination: Arc<Destination>,
    spans: mpsc::Sender<SpanData>,
}

async fn export(lines: Vec<Line>, gathering: Gathering, is_time: Arc<Notify>, stopped: oneshot::Receiver<()>) {
    let mut ways = Vec::new();
    let mut tasks = JoinSet::new();
    let stopping = CancellationToken::new();
    for line in lines {
        let Line {
            destination,
            name,
            wants_traces,
            reader,
        } = line;
        if wants_traces {
            let (sender, spans) = mpsc::channel(WAITING_MAX);
            ways.push(Way {
                destination: Arc::clone(&destination),
                spans: sender,
            });
            tasks.spawn(send_spans(
                Arc::clone(&destination),
                name,
                spans,
                gathering.lost.clone(),
            ));
        }
        if let Some(reader) = reader {
            let (is_time, stopping) = (Arc::clone(&is_time), stopping.clone());
            tasks.spawn(send_numbers(destination, name, reader, is_time, stopping));
        }
    }
    gather(gathering, &ways, stopped).await;
    // Closing the queues flushes the remaining spans.
    drop(ways);
    stopping.cancel();
    let end = Instant::now() + LAST_WORDS;
    while let Ok(Some(_)) = timeout_at(end, tasks.join_next()).await {}
}

/// Converts reports to spans until the server stops.
async fn gather(gathering: Gathering, ways: &[Way], mut stopped: oneshot::Receiver<()>) {
    let Gathering {
        reports,
        traces,
        lost,
        per_second_max,
    } = gathering;
    let (Some(mut reports), Some(share)) = (reports, traces.share()) else {
        // Metrics only.
        let _ = stopped.await;
        return;
    };
    let mut pace = Pace::new(per_second_max);
    let mut complaint = Complaint::default();
    let mut ticks = interval(SHARE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::with_capacity(REPORTS);
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            _ = ticks.tick() => {
                pace.look(&traces);
                complaint.say(lost.count());
            }
            count = reports.recv_many(&mut batch, REPORTS) => {
                if count == 0 {
                    let _ = stopped.await;
                    return;
                }
                tell(&mut batch, share, ways, &lost, &mut pace);
                if pace.is_used_up() {
                    pace.look(&traces);
                    ticks.reset();
                }
            }
        }
    }
    while let Ok(report) = reports.try_recv() {
        batch.push(report);
    }
    tell(&mut batch, share, ways, &lost, &mut pace);
}

fn tell(batch: &mut Vec<TraceReport>, share: Share, ways: &[Way], lost: &LostSpans, pace: &mut Pace) {
    for report in batch.drain(..) {
        if matches!(report, TraceReport::Started(_)) {
            pace.started += 1;
        }
        let Some(span) = span_of(&report, share) else { continue };
        for way in ways {
            if let Some(span) = way.destination.chosen(&span)
                && way.spans.try_send(span).is_err()
            {
                lost.add(1);
            }
        }
    }
}

/// Adaptive sampling: limits the number of traced jobs per second.
struct Pace {
    per_second_max: u64,
    /// Attempts started since the last adjustment.
    started: u64,
    missed: u64,
    looked_at: Instant,
    /// The current sampling ratio.
    told: f64,
}

impl Pace {
    fn new(per_second_max: u64) -> Self {
        Self {
            per_second_max,
            started: 0,
            missed: 0,
            looked_at: Instant::now(),
            told: 1.0,
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
        let told = next_share(self.told, started as f64 / took, self.per_second_max as f64);
        if (told - self.told).abs() > f64::EPSILON {
            self.told = told;
            traces.tell_share(Share::of(told));
        }
    }
}

/// The next sampling ratio, when `told` has resulted in `per_second` traces.
fn next_share(told: f64, per_second: f64, most: f64) -> f64 {
    if per_second > most {
        told * most / per_second
    } else if per_second < most * 0.8 {
        // A moderate increase: at most one and a half times the limit.
        (told * 1.5).min(1.0)
    } else {
        told
    }
}

/// Exports spans, in batches of up to a second.
async fn send_spans(
    destination: Arc<Destination>,
    name: &'static str,
    mut spans: mpsc::Receiver<SpanData>,
    lost: LostSpans,
) {
    let mut failing = Failing::default();
    loop {
        let mut batch = Vec::new();
        if spans.recv_many(&mut batch, BATCH_MAX).await == 0 {
            return;
        }
        let end = Instant::now() + GATHERING;
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
            failing.report(name, "spans", &error);
        } else {
            failing.recovered(name, "spans");
        }
    }
}

/// Exports metrics at intervals, and a last time at shutdown.
async fn send_numbers(
    destination: Arc<Destination>,
    name: &'static str,
    reader: SharedReader,
    is_time: Arc<Notify>,
    stopping: CancellationToken,
) {
    let mut failing = Failing::default();
    while !stopping.is_cancelled() {
        tokio::select! {
            () = is_time.notified() => {}
            () = stopping.cancelled() => {}
        }
        let Some(numbers) = reader.read() else { return };
        if let Err(error) = destination.send_numbers(&numbers).await {
            failing.report(name, "metrics", &error);
        } else {
            failing.recovered(name, "metrics");
        }
    }
}

/// Logs failures of a destination: at once, and then at intervals.
#[derive(Default)]
struct Failing {
    logged_at: Option<Instant>,
}

impl Failing {
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
            let mut told = 1.0;
            for _ in 0..60 {
                told = next_share(told, load * told, most);
                prop_assert!((0.0..=1.0).contains(&told));
            }
            prop_assert!(load * told <= most * 1.2, "{} of {load}", load * told);
            prop_assert!(told >= 1.0 || load * told >= most * 0.5, "{} of {load}", load * told);
        }
    }
}
