//! Metrics, collected once and shared by all exporters.

use std::collections::HashSet;
use std::sync::Arc;

use opentelemetry::metrics::MeterProvider;
use opentelemetry_prometheus::PrometheusExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;

use super::dropped_spans::DroppedSpans;
use super::gauges::{Snapshot, create_gauges};
use super::instruments::Instruments;
use super::metric_reader::SharedReader;
use super::traffic_instruments::{create_dropped_spans_counter, create_traffic_instruments};
use crate::domain::access::caller::Caller;
use crate::service::error::ServiceError;
use crate::service::facade_metrics::Traffic;
use crate::service::metrics::Metrics;

/// Exporting can't start.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Error of the library.
    #[error("failed to set up telemetry: {reason}")]
    Setup {
        /// Reason.
        reason: String,
    },
}

impl ExportError {
    /// The library's error.
    pub(super) fn of(reason: impl std::fmt::Display) -> Self {
        Self::Setup {
            reason: reason.to_string(),
        }
    }
}

/// Metrics since their start.
pub(crate) struct Meters {
    metrics: Metrics,
    snapshot: Snapshot,
    /// The provider keeps the instruments alive.
    _provider: SdkMeterProvider,
}

impl Meters {
    /// Starts collecting for these readers. Needs a running tokio runtime.
    pub(super) fn start(
        metrics: Metrics,
        traffic: &Traffic,
        lost: &DroppedSpans,
        resource: Resource,
        prometheus: Option<PrometheusExporter>,
        others: Vec<SharedReader>,
    ) -> Result<Arc<Self>, ExportError> {
        let mut provider = SdkMeterProvider::builder().with_resource(resource);
        if let Some(reader) = prometheus {
            provider = provider.with_reader(reader);
        }
        for reader in others {
            provider = provider.with_reader(reader);
        }
        let provider = provider.build();
        let meter = provider.meter("tickerq");
        let snapshot = Snapshot::default();
        create_gauges(&meter, &snapshot);
        create_traffic_instruments(&meter, traffic);
        create_dropped_spans_counter(&meter, lost);
        let mut instruments = Instruments::new(&meter, snapshot.labels());
        let mut commits = metrics
            .commits()
            .ok_or_else(|| ExportError::of("commit reports already have a subscriber"))?;
        // Ends with the Writer.
        tokio::spawn(async move {
            while let Some(report) = commits.recv().await {
                instruments.record(report);
            }
        });
        Ok(Arc::new(Self {
            metrics,
            snapshot,
            _provider: provider,
        }))
    }

    /// The names of existing queues and webhook endpoints, as of the last refresh.
    pub(super) fn names(&self) -> (HashSet<String>, HashSet<String>) {
        self.snapshot.names()
    }

    /// Refreshes the values of gauges.
    pub(super) async fn refresh(&self) -> Result<(), ServiceError> {
        // The request was authorised where it came in.
        self.snapshot.put(self.metrics.gauges(&Caller::local()).await?);
        Ok(())
    }
}
