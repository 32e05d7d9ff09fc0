//! The numbers, gathered once and read by whoever exports them.

use std::collections::HashSet;
use std::sync::Arc;

use opentelemetry::metrics::MeterProvider;
use opentelemetry_prometheus::PrometheusExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;

use super::dropped_spans::LostSpans;
use super::instruments::{Instruments, Snapshot, show, show_lost_spans, show_traffic};
use super::metric_reader::SharedReader;
use crate::domain::access::caller::Caller;
use crate::service::error::ServiceError;
use crate::service::facade_metrics::Traffic;
use crate::service::metrics::Metrics;

/// Why nothing can be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The library has refused.
    #[error("what the server does can't be exported: {reason}")]
    Setup {
        /// What it said.
        reason: String,
    },
}

impl ExportError {
    /// The library's words.
    pub(super) fn of(reason: impl std::fmt::Display) -> Self {
        Self::Setup {
            reason: reason.to_string(),
        }
    }
}

/// Numbers since they were begun.
pub struct Meters {
    metrics: Metrics,
    snapshot: Snapshot,
    /// The instruments live as long as it.
    _provider: SdkMeterProvider,
}

impl Meters {
    /// Begins to gather for these readers. Needs a running tokio runtime.
    pub(super) fn start(
        metrics: Metrics,
        traffic: &Traffic,
        lost: &LostSpans,
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
        show(&meter, &snapshot);
        show_traffic(&meter, traffic);
        show_lost_spans(&meter, lost);
        let mut instruments = Instruments::new(&meter, snapshot.labels());
        let mut commits = metrics
            .commits()
            .ok_or_else(|| ExportError::of("somebody else is told what commits do"))?;
        // Ends with the Writer.
        tokio::spawn(async move {
            while let Some(report) = commits.recv().await {
                instruments.take_in(report);
            }
        });
        Ok(Arc::new(Self {
            metrics,
            snapshot,
            _provider: provider,
        }))
    }

    /// The names of the queues and webhook endpoints that exist, as they were read last.
    pub(super) fn names(&self) -> (HashSet<String>, HashSet<String>) {
        self.snapshot.names()
    }

    /// Reads what gauges show.
    pub(super) async fn refresh(&self) -> Result<(), ServiceError> {
        // Who may read it was asked where the request came in.
        self.snapshot.put(self.metrics.gauges(&Caller::local()).await?);
        Ok(())
    }
}
