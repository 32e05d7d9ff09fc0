//! The numbers as Prometheus reads them.

use std::sync::Arc;

use opentelemetry_prometheus::PrometheusExporter;
use prometheus::{Registry, TextEncoder};

use super::meters::{ExportError, Meters};
use crate::service::error::ServiceError;

/// Numbers for Prometheus.
pub struct PrometheusExport {
    meters: Arc<Meters>,
    registry: Registry,
    /// The names that are exported; nothing for all.
    chosen: Vec<String>,
}

/// Where the numbers for Prometheus come together.
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
    /// Exports what comes together here. Only the chosen names are exported; none means all.
    pub(super) fn new(meters: Arc<Meters>, registry: Registry, chosen: Vec<String>) -> Self {
        Self {
            meters,
            registry,
            chosen,
        }
    }

    /// The numbers now, as text of version 0.0.4.
    pub async fn text(&self) -> Result<String, ServiceError> {
        self.meters.refresh().await?;
        let mut families = self.registry.gather();
        families.retain(|family| self.chosen.is_empty() || self.chosen.iter().any(|name| name == family.name()));
        let mut text = String::new();
        let encoded = TextEncoder::new().encode_utf8(&families, &mut text);
        encoded.map_err(|error| ServiceError::Internal {
            reason: error.to_string(),
        })?;
        Ok(text)
    }
}
