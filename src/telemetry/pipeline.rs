//! Starts all exports of a server: metrics are collected once for all exporters.

use opentelemetry_sdk::Resource;

use super::dropped_spans::DroppedSpans;
use super::exporter::{TelemetryExport, readers};
use super::metrics::{ExportError, Meters};
use super::options::TelemetryOptions;
use super::prometheus;
use super::prometheus::PrometheusExport;
use crate::domain::values::id::NodeId;
use crate::service::facade_metrics::Traffic;
use crate::service::metrics::Metrics;
use crate::service::traces::Traces;

/// Sources of telemetry.
pub struct Watched {
    /// Id of this run of the server.
    pub node: NodeId,
    /// Metrics of the server.
    pub metrics: Metrics,
    /// Traces of jobs.
    pub traces: Traces,
    /// Counters of the facades.
    pub traffic: Traffic,
}

/// Running exports.
#[derive(Default)]
pub struct Exports {
    /// Metrics for Prometheus, if enabled.
    pub prometheus: Option<PrometheusExport>,
    /// Export to collectors, if configured.
    pub telemetry: Option<TelemetryExport>,
}

impl Exports {
    /// Starts metrics for Prometheus with these names (none means all) and exports to collectors. Needs a running tokio
    /// runtime.
    pub fn start(
        watched: Watched,
        names: Option<Vec<String>>,
        telemetry: Option<TelemetryOptions>,
    ) -> Result<Self, ExportError> {
        let Watched {
            node,
            metrics,
            traces,
            traffic,
        } = watched;
        let lost = DroppedSpans::new(traces.clone());
        let readers = telemetry.as_ref().map(readers).unwrap_or_default();
        let prometheus = names
            .map(|names| prometheus::reader().map(|reader| (names, reader)))
            .transpose()?;
        let (chosen, reader, registry) = match prometheus {
            None => (None, None, None),
            Some((names, (reader, registry))) => (Some(names), Some(reader), Some(registry)),
        };
        let resource = telemetry.as_ref().map_or_else(
            || Resource::builder_empty().build(),
            |options| options.identity.resource(node),
        );
        let requested: Vec<_> = readers.iter().flatten().cloned().collect();
        let meters = if reader.is_none() && requested.is_empty() {
            None
        } else {
            Some(Meters::start(
                metrics,
                &traffic,
                &lost,
                resource.clone(),
                reader,
                requested,
            )?)
        };
        let prometheus = match (&meters, registry, chosen) {
            (Some(meters), Some(registry), Some(chosen)) => {
                Some(PrometheusExport::new(meters.clone(), registry, chosen))
            }
            (_, _, _) => None,
        };
        let telemetry = telemetry
            .map(|options| TelemetryExport::start(&options, &resource, &traces, lost, meters, readers))
            .transpose()?;
        Ok(Self { prometheus, telemetry })
    }
}
