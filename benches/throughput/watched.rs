//! Cost of observability: life cycles with full and without any export, alternating.

use std::sync::Arc;
use std::time::Duration;

use tickerq::domain::values::trace_context::SamplingRatio;
use tickerq::internals::{
    DestinationOptions, Exports, Identity, Metrics, RuntimeHandle, TelemetryExport, TelemetryOptions, Traces, Traffic,
    Watched,
};
use tickerq::storage::repository::JobRepository;
use tickerq::storage::sea::Durability;

use super::database::Database;
use super::life_cycle;
use super::run;

/// Number of measurements of each.
const ROUNDS: usize = 7;
/// Interval of scrapes.
const SCRAPE_EVERY: Duration = Duration::from_secs(1);

/// Jobs per second: the medians without and with full export.
pub(crate) struct Cost {
    pub(crate) unwatched: f64,
    pub(crate) watched: f64,
    /// Ratio of both, the median of the pairs.
    pub(crate) ratio: f64,
}

pub(crate) fn measure(database: &Database, durability: Durability, count: usize) -> Cost {
    let collector = super::collector::open();
    let (mut unwatched, mut watched, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let without = || {
            run(life_cycle::measure(
                database,
                durability,
                count,
                Traces::default(),
                |_, _| None,
            ))
        };
        let with = || {
            let watchers = |repository: &_, handle: &_| Some(watch(repository, handle, &collector));
            let traces = Traces::exported(SamplingRatio::all());
            run(life_cycle::measure(database, durability, count, traces, watchers))
        };
        // The order alternates: the machine's speed varies over time.
        let (off, on) = if round % 2 == 0 {
            let off = without();
            (off, with())
        } else {
            let on = with();
            (without(), on)
        };
        unwatched.push(off);
        watched.push(on);
        ratios.push(on / off);
    }
    Cost {
        unwatched: median(unwatched),
        watched: median(watched),
        ratio: median(ratios),
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Prometheus scrapes, an OpenTelemetry collector and Application Insights.
fn watch(repository: &Arc<dyn JobRepository>, handle: &RuntimeHandle, collector: &str) -> TelemetryExport {
    let telemetry = TelemetryOptions {
        destinations: vec![
            DestinationOptions::Otlp {
                endpoint: collector.to_owned(),
                headers: Vec::new(),
            },
            DestinationOptions::ApplicationInsights {
                instrumentation_key: "bench".to_owned(),
                endpoint: collector.to_owned(),
                traces: true,
                metrics: true,
            },
        ],
        traces_per_second_max: 1_000,
        metrics_interval: Duration::from_secs(1),
        identity: Identity {
            service_name: Arc::from("bench"),
            attributes: Vec::new(),
            node_name: Arc::from("bench"),
        },
    };
    let watched = Watched {
        node: handle.node,
        metrics: Metrics::new(Arc::clone(repository), handle.clone()),
        traces: handle.traces.clone(),
        traffic: Traffic::default(),
    };
    let exports = Exports::start(watched, Some(Vec::new()), Some(telemetry)).expect("exports");
    let prometheus = exports.prometheus.expect("numbers for Prometheus");
    actix::spawn(async move {
        loop {
            tokio::time::sleep(SCRAPE_EVERY).await;
            if prometheus.text().await.is_err() {
                return;
            }
        }
    });
    exports.telemetry.expect("what is sent")
}
