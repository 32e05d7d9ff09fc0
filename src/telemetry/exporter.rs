//! Sends traces and numbers to their destinations, from a thread of its own.
//!
//! Nobody waits for it. Reports come through a bounded way, spans wait in a bounded row for each destination, and one
//! that does not take them loses them: how many is counted and said. When more jobs run than may be traced, a smaller
//! share of the traces is told, each whole.

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

/// How many spans wait for one destination.
const WAITING_MAX: usize = 4_096;
/// How many spans are sent together.
const BATCH_MAX: usize = 512;
/// How long a batch gathers.
const GATHERING: Duration = Duration::from_secs(1);
/// How many reports are taken in together.
const REPORTS: usize = 256;
/// How often it is looked how many jobs are traced.
const SHARE_EVERY: Duration = Duration::from_secs(1);
/// How often it is said that telemetry is lost.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// The version of OpenTelemetry's SDK in Cargo.toml.
const SDK_VERSION: &str = "0.33";
/// How long what waits may take to be sent when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What is exported, and how.
#[derive(Clone, Debug)]
pub struct TelemetryOptions {
    /// Where to.
    pub destinations: Vec<DestinationOptions>,
    /// How many jobs a second are traced at the most.
    pub traces_per_second_max: u32,
    /// How often numbers are sent.
    pub numbers_every: Duration,
    /// What describes this server.
    pub identity: Identity,
}

/// What describes this server among others.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The service's name.
    pub service_name: Arc<str>,
    /// The node's name, which several servers may have.
    pub node_name: Arc<str>,
    /// More attributes, which an operator has named.
    pub attributes: Vec<(String, String)>,
}

impl Identity {
    /// By the semantic conventions for resources; `instance` is the id of this run of the server.
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
        // The last of one key counts. The service's name has a setting of its own.
        let named = self.attributes.iter().filter(|(key, _)| key != "service.name");
        let named = named.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let all = own.chain(named);
        Resource::builder_empty().with_attributes(all).build()
    }
}

/// The readers that destinations want: made before the numbers are begun.
pub(super) fn readers(options: &TelemetryOptions) -> Vec<Option<SharedReader>> {
    let destinations = options.destinations.iter();
    destinations
        .map(|destination| destination.wanted_numbers().map(SharedReader::new))
        .collect()
}

/// The running export. Dropped, it ends without last words.
pub struct TelemetryExport {
    /// The numbers last as long as somebody has them.
    _meters: Option<Arc<Meters>>,
    thread: Option<JoinHandle<()>>,
    stop: Option<oneshot::Sender<()>>,
}

impl TelemetryExport {
    /// Begins to export. Needs a running tokio runtime, which reads the numbers.
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

    /// Sends what waits, within a few seconds, and ends.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            // Gone when the thread has failed: then there is nothing to stop.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // It ends by itself after its last words.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// Has the numbers read and sent again and again. Ends when nobody wants them any more.
fn read_numbers(meters: &Arc<Meters>, is_time: &Arc<Notify>, every: Duration) {
    let (meters, is_time) = (Arc::downgrade(meters), Arc::clone(is_time));
    tokio::spawn(async move {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first one comes at once, when there is nothing to tell.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let Some(meters) = meters.upgrade() else { return };
            if let Err(failure) = meters.refresh().await {
                debug!("what gauges show could not be read: {failure}");
            }
            is_time.notify_waiters();
        }
    });
}

/// One destination and what goes there.
struct Line {
    destination: Arc<Destination>,
    name: &'static str,
    wants_traces: bool,
    reader: Option<SharedReader>,
}

/// Where spans come from.
struct Gathering {
    reports: Option<mpsc::Receiver<TraceReport>>,
    traces: Traces,
    lost: LostSpans,
    per_second_max: u64,
}

/// The way of spans to one destination.
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
    // What waits is sent, and no more comes.
    drop(ways);
    stopping.cancel();
    let end = Instant::now() + LAST_WORDS;
    while let Ok(Some(_)) = timeout_at(end, tasks.join_next()).await {}
}

/// Makes spans of reports until the server stops.
async fn gather(gathering: Gathering, ways: &[Way], mut stopped: oneshot::Receiver<()>) {
    let Gathering {
        reports,
        traces,
        lost,
        per_second_max,
    } = gathering;
    let (Some(mut reports), Some(share)) = (reports, traces.share()) else {
        // Numbers alone.
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

/// How many of the traces are told, so that no more jobs a second are traced than may be.
struct Pace {
    per_second_max: u64,
    /// How many attempts have started since the last look.
    started: u64,
    missed: u64,
    looked_at: Instant,
    /// The share that is told.
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

    /// Whether as many attempts have started as may in a second: then it is not waited for its end.
    fn is_used_up(&self) -> bool {
        self.started >= self.per_second_max
    }

    /// Has the right share told from now on.
    fn look(&mut self, traces: &Traces) {
        let took = self.looked_at.elapsed().as_secs_f64().max(0.001);
        self.looked_at = Instant::now();
        let missed = traces.missed();
        // An attempt is told in three reports: it is created, started and ended.
        let started = std::mem::take(&mut self.started) + (missed - self.missed) / 3;
        self.missed = missed;
        let told = next_share(self.told, started as f64 / took, self.per_second_max as f64);
        if (told - self.told).abs() > f64::EPSILON {
            self.told = told;
            traces.tell_share(Share::of(told));
        }
    }
}

/// The share of traces to be told, when telling `told` of them has come to `per_second`.
fn next_share(told: f64, per_second: f64, most: f64) -> f64 {
    if per_second > most {
        told * most / per_second
    } else if per_second < most * 0.8 {
        // A little more, in case there is room for it: never twice what there may be.
        (told * 1.5).min(1.0)
    } else {
        told
    }
}

/// Sends spans, as many together as have come in a second.
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
            failing.say(name, "spans", &error);
        } else {
            failing.is_over(name, "spans");
        }
    }
}

/// Sends numbers whenever it is time, and a last time when the server stops.
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
            failing.say(name, "numbers", &error);
        } else {
            failing.is_over(name, "numbers");
        }
    }
}

/// Says that a destination takes nothing: at once, and then now and again.
#[derive(Default)]
struct Failing {
    said_at: Option<Instant>,
}

impl Failing {
    fn say(&mut self, name: &str, what: &str, error: &OTelSdkError) {
        if self.said_at.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            warn!("{name} has not taken {what}: {error}");
            self.said_at = Some(Instant::now());
        }
    }

    fn is_over(&mut self, name: &str, what: &str) {
        if self.said_at.take().is_some() {
            tracing::info!("{name} takes {what} again");
        }
    }
}

/// Says how much was lost, now and again.
#[derive(Default)]
struct Complaint {
    said: u64,
    said_at: Option<Instant>,
}

impl Complaint {
    fn say(&mut self, all: u64) {
        if all > self.said && self.said_at.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            warn!(
                "{} spans were lost: they were not taken, or more came than could be sent",
                all - self.said
            );
            self.said = all;
            self.said_at = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_load_there_is_the_share_comes_to_what_may_be_traced(load in 1.0..1e6_f64, most in 1.0..1e5_f64) {
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
