//! Metrics in the format of Prometheus.

use std::sync::Arc;

use opentelemetry_prometheus::PrometheusExporter;
use prometheus::proto::LabelPair;
use prometheus::{Registry, TextEncoder};

use super::metrics::{ExportError, Meters};
use crate::service::error::ServiceError;

/// Metrics for Prometheus.
pub struct PrometheusExport {
    meters: Arc<Meters>,
    registry: Registry,
    /// Names of exported metrics; empty for all.
    chosen: Vec<String>,
}

/// The reader and registry of Prometheus.
pub(super) fn reader() -> Result<(PrometheusExporter, Registry), ExportError> {
    let registry = Registry::new();
    let reader = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .without_target_info()
        .build()
        .map_err(ExportError::of)?;
    Ok((reader, registry))
}

impl PrometheusExport {
    /// Exports the registry's metrics. Only the chosen names are exported; none means all.
    pub(super) fn new(meters: Arc<Meters>, registry: Registry, chosen: Vec<String>) -> Self {
        Self {
            meters,
            registry,
            chosen,
        }
    }

    /// The current metrics as text of version 0.0.4.
    pub async fn text(&self) -> Result<String, ServiceError> {
        self.meters.refresh().await?;
        let mut families = self.registry.gather();
        let (queues, endpoints) = self.meters.names();
        // Counters live as long as the server: those of deleted queues and endpoints are omitted.
        let exists = |label: &LabelPair| match label.name() {
            "queue" | "messaging_destination_name" => queues.contains(label.value()),
            "endpoint" => endpoints.contains(label.value()),
            _ => true,
        };
        for family in &mut families {
            let series = family.mut_metric();
            series.retain(|metric| metric.get_label().iter().all(exists));
        }
        families.retain(|family| !family.get_metric().is_empty());
        families.retain(|family| self.chosen.is_empty() || self.chosen.iter().any(|name| name == family.name()));
        let mut text = String::new();
        let encoded = TextEncoder::new().encode_utf8(&families, &mut text);
        encoded.map_err(|error| ServiceError::Internal {
            reason: error.to_string(),
        })?;
        Ok(text)
    }
}
