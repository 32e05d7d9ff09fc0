//! Export of spans: from reports to the queues of the destinations, and from there in batches.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::trace::SpanData;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::adaptive_sampler::AdaptiveSampler;
use super::dropped_spans::DroppedSpans;
use super::exporters::Destination;
use super::failure_log::{DropLog, FailureLog};
use super::spans::span_of;
use crate::domain::values::trace_context::SamplingRatio;
use crate::service::traces::{TraceReport, Traces};

/// Capacity of a destination's queue, in spans.
pub(super) const QUEUE_CAPACITY: usize = 4_096;
/// Maximum number of spans in a batch.
const BATCH_MAX: usize = 512;
/// Time that a batch collects spans.
const BATCH_WINDOW: Duration = Duration::from_secs(1);
/// Maximum number of reports received at once.
const REPORTS_MAX: usize = 256;
/// Interval of adjusting the sampling ratio.
const SAMPLING_INTERVAL: Duration = Duration::from_secs(1);

/// Sources of spans.
pub(super) struct SpanSources {
    pub(super) reports: Option<mpsc::Receiver<TraceReport>>,
    pub(super) traces: Traces,
    pub(super) lost: DroppedSpans,
    pub(super) per_second_max: u64,
}

/// The queue of spans of one destination.
pub(super) struct SpanQueue {
    pub(super) destination: Arc<Destination>,
    pub(super) spans: mpsc::Sender<SpanData>,
}

/// Converts reports to spans until the server stops.
pub(super) async fn convert_reports(sources: SpanSources, queues: &[SpanQueue], mut stopped: oneshot::Receiver<()>) {
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
                sampler.adjust(&traces);
                drop_log.report(lost.count());
            }
            count = reports.recv_many(&mut batch, REPORTS_MAX) => {
                if count == 0 {
                    let _ = stopped.await;
                    return;
                }
                distribute(&mut batch, ratio, queues, &lost, &mut sampler);
                if sampler.is_limit_reached() {
                    sampler.adjust(&traces);
                    ticks.reset();
                }
            }
        }
    }
    while let Ok(report) = reports.try_recv() {
        batch.push(report);
    }
    distribute(&mut batch, ratio, queues, &lost, &mut sampler);
}

/// Converts reports to the spans of each destination, and queues them.
fn distribute(
    batch: &mut Vec<TraceReport>,
    ratio: SamplingRatio,
    queues: &[SpanQueue],
    lost: &DroppedSpans,
    sampler: &mut AdaptiveSampler,
) {
    for report in batch.drain(..) {
        if matches!(report, TraceReport::Started(_)) {
            sampler.count_started();
        }
        let Some(span) = span_of(&report, ratio) else { continue };
        for queue in queues {
            if let Some(span) = queue.destination.chosen(&span)
                && queue.spans.try_send(span).is_err()
            {
                lost.add(1);
            }
        }
    }
}

/// Exports spans, in batches of up to a second.
pub(super) async fn send_spans(
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
