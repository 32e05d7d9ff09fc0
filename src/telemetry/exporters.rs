//! Destinations of telemetry: an OpenTelemetry collector, or Application Insights.

use std::fmt;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use opentelemetry_application_insights::Exporter;
use opentelemetry_otlp::{MetricExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};

use super::export_client::{ExportClient, REQUEST_WAIT};
use super::metrics::ExportError;

/// Options of a destination.
#[derive(Clone)]
pub enum DestinationOptions {
    /// A collector with OTLP over HTTP.
    Otlp {
        /// Base address of `/v1/traces` and `/v1/metrics`.
        endpoint: String,
        /// Headers of requests.
        headers: Vec<(String, String)>,
    },
    /// Application Insights.
    ApplicationInsights {
        /// Key of the resource.
        instrumentation_key: String,
        /// Ingestion endpoint, an `https` or `http` address.
        endpoint: String,
        /// True if traces are exported.
        traces: bool,
        /// True if metrics are exported.
        metrics: bool,
    },
}

impl fmt::Debug for DestinationOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys and headers are secret.
        f.write_str(self.name())
    }
}

impl DestinationOptions {
    /// Name in log messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Otlp { .. } => "the OpenTelemetry collector",
            Self::ApplicationInsights { .. } => "Application Insights",
        }
    }

    /// True if spans are exported.
    pub fn wants_traces(&self) -> bool {
        match self {
            Self::Otlp { .. } => true,
            Self::ApplicationInsights { traces, .. } => *traces,
        }
    }

    /// Temporality of exported metrics; `None` if none are exported.
    pub(super) fn temporality(&self) -> Option<Temporality> {
        match self {
            Self::Otlp { .. } => Some(Temporality::Cumulative),
            Self::ApplicationInsights { metrics, .. } => metrics.then_some(Temporality::Delta),
        }
    }
}

/// An opened destination.
pub(super) enum Destination {
    Otlp {
        spans: Box<SpanExporter>,
        metrics: Box<MetricExporter>,
    },
    ApplicationInsights(Box<Exporter<ExportClient>>),
}

impl Destination {
    /// Opens the destination, within the tokio runtime that will use it; nothing is sent yet.
    pub(super) fn open(options: &DestinationOptions, resource: &Resource) -> Result<Self, ExportError> {
        match options {
            DestinationOptions::Otlp { endpoint, headers } => {
                let client = ExportClient::new(headers.clone(), false)?;
                let base = endpoint.trim_end_matches('/');
                let mut spans = SpanExporter::builder()
                    .with_http()
                    .with_http_client(client.clone())
                    .with_endpoint(format!("{base}/v1/traces"))
                    .with_protocol(Protocol::HttpBinary)
                    .with_timeout(REQUEST_WAIT)
                    .build()
                    .map_err(ExportError::of)?;
                spans.set_resource(resource);
                let metrics = MetricExporter::builder()
                    .with_temporality(Temporality::Cumulative)
                    .with_http()
                    .with_http_client(client)
                    .with_endpoint(format!("{base}/v1/metrics"))
                    .with_protocol(Protocol::HttpBinary)
                    .with_timeout(REQUEST_WAIT)
                    .build()
                    .map_err(ExportError::of)?;
                Ok(Self::Otlp {
                    spans: Box::new(spans),
                    metrics: Box::new(metrics),
                })
            }
            DestinationOptions::ApplicationInsights {
                instrumentation_key,
                endpoint,
                ..
            } => {
                let plain = endpoint.strip_prefix("http://");
                let endpoint = plain.map_or_else(|| endpoint.clone(), |rest| format!("https://{rest}"));
                let client = ExportClient::new(Vec::new(), plain.is_some())?;
                let connection = format!("InstrumentationKey={instrumentation_key};IngestionEndpoint={endpoint}");
                let mut exporter = Exporter::new_from_connection_string(connection, client).map_err(ExportError::of)?;
                exporter.set_resource(resource);
                Ok(Self::ApplicationInsights(Box::new(exporter)))
            }
        }
    }

    /// The span as exported to this destination; `None` if it is filtered.
    pub(super) fn chosen(&self, span: &SpanData) -> Option<SpanData> {
        match self {
            Self::Otlp { .. } => Some(span.clone()),
            // Requests, and as dependencies those spans that have requests as children: calls and the creation of the
            // job. The span of waiting has no children, and would be a dependency as well.
            Self::ApplicationInsights(_) => match span.span_kind {
                SpanKind::Consumer => {
                    let mut span = span.clone();
                    let name = KeyValue::new("ai.operation.name", span.name.to_string());
                    span.attributes.push(name);
                    Some(span)
                }
                SpanKind::Client | SpanKind::Producer => Some(span.clone()),
                SpanKind::Internal | SpanKind::Server => None,
            },
        }
    }

    pub(super) async fn send_spans(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        match self {
            Self::Otlp { spans: exporter, .. } => exporter.export(spans).await,
            Self::ApplicationInsights(exporter) => {
                opentelemetry_sdk::trace::SpanExporter::export(exporter.as_ref(), spans).await
            }
        }
    }

    pub(super) async fn send_metrics(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        match self {
            Self::Otlp { metrics: exporter, .. } => exporter.export(metrics).await,
            Self::ApplicationInsights(exporter) => PushMetricExporter::export(exporter.as_ref(), metrics).await,
        }
    }
}
