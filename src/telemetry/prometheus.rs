//! The numbers as Prometheus reads them.

use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};

use super::instruments::{Instruments, Snapshot, show, show_requests};
use crate::domain::caller::Caller;
use crate::service::error::ServiceError;
use crate::service::metrics::Metrics;
use crate::service::requests::Requests;

/// Why numbers can't be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The library has refused.
    #[error("numbers for Prometheus can't be made: {reason}")]
    Setup {
        /// What it said.
        reason: String,
    },
}

/// Numbers for Prometheus, gathered since it was made.
pub struct PrometheusExport {
    metrics: Metrics,
    registry: Registry,
    snapshot: Snapshot,
    /// The names that are exported; nothing for all.
    chosen: Vec<String>,
    /// The instruments live as long as it.
    _provider: SdkMeterProvider,
}

impl PrometheusExport {
    /// Begins to gather. Needs a running tokio runtime. Only the chosen names are exported; none means all.
    pub fn start(metrics: Metrics, requests: &Requests, chosen: Vec<String>) -> Result<Self, ExportError> {
        let refused = |reason: String| ExportError::Setup { reason };
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .without_target_info()
            .build()
            .map_err(|error| refused(error.to_string()))?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        let meter = provider.meter("tickerq");
        let snapshot = Snapshot::default();
        show(&meter, &snapshot);
        show_requests(&meter, requests);
        let mut instruments = Instruments::new(&meter);
        let mut commits = metrics
            .commits()
            .ok_or_else(|| refused("somebody else is told what commits do".to_owned()))?;
        // Ends with the Recorder.
        tokio::spawn(async move {
            while let Some(report) = commits.recv().await {
                instruments.take_in(report);
            }
        });
        Ok(Self {
            metrics,
            registry,
            snapshot,
            chosen,
            _provider: provider,
        })
    }

    /// The numbers now, as text of version 0.0.4.
    pub async fn text(&self) -> Result<String, ServiceError> {
        // Who may read them was asked where the request came in.
        self.snapshot.put(self.metrics.gauges(&Caller::local()).await?);
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
