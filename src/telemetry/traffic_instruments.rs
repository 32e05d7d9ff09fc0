//! Instruments of connections, requests and exports.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::dropped_spans::DroppedSpans;
use crate::service::facade_metrics::Traffic;
use crate::service::facade_metrics::connections::HttpConnections;
use crate::service::facade_metrics::requests::{RequestKind, RequestSums};

/// Bucket bounds of request durations, in seconds: those of the semantic conventions for HTTP.
const REQUEST_SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// Creates the counter of dropped spans.
pub(super) fn create_dropped_spans_counter(meter: &Meter, dropped: &DroppedSpans) {
    for (name, description) in [
        (
            "tickerq_spans_dropped",
            "Spans dropped by failed exports or full buffers",
        ),
        ("tickerq_spans_lost", "Deprecated: use tickerq_spans_dropped_total"),
    ] {
        let dropped = dropped.clone();
        meter
            .u64_observable_counter(name)
            .with_description(description)
            .with_callback(move |counter| counter.observe(dropped.count(), &[]))
            .build();
    }
}

/// Creates the gauges of HTTP connections.
fn create_connection_gauges(meter: &Meter, connections: &HttpConnections) {
    let open = connections.clone();
    meter
        .u64_observable_gauge("tickerq_http_connections")
        .with_description("Open HTTP connections")
        .with_callback(move |gauge| gauge.observe(open.open(), &[]))
        .build();
    let max = connections.clone();
    meter
        .u64_observable_gauge("tickerq_http_connections_max")
        .with_description("Limit of open HTTP connections")
        .with_callback(move |gauge| max.max().into_iter().for_each(|max| gauge.observe(max, &[])))
        .build();
    let files = connections.clone();
    meter
        .u64_observable_gauge("tickerq_open_files_max")
        .with_description("Limit of the process's open files")
        .with_callback(move |gauge| files.files_max().into_iter().for_each(|max| gauge.observe(max, &[])))
        .build();
    let refused = connections.clone();
    meter
        .u64_observable_counter("tickerq_http_connections_refused")
        .with_description("HTTP connections and requests rejected by a connection limit")
        .with_callback(move |counter| counter.observe(refused.refused_total(), &[]))
        .build();
}

/// Creates the counters of facades.
pub(super) fn create_traffic_instruments(meter: &Meter, traffic: &Traffic) {
    let Traffic {
        requests,
        operations,
        clients,
        connections,
    } = traffic.clone();
    create_connection_gauges(meter, &connections);
    meter
        .u64_observable_counter("tickerq_graphql_operations")
        .with_description("Finished GraphQL operations by type and outcome")
        .with_callback(move |counter| {
            for (kind, outcome, count) in operations.counts() {
                let labels = [
                    KeyValue::new("operation", kind.as_str()),
                    KeyValue::new("outcome", outcome.as_str()),
                ];
                counter.observe(count, &labels);
            }
        })
        .build();
    meter
        .u64_observable_gauge("tickerq_connected_clients")
        .with_description("Connected clients of live updates")
        .with_callback(move |gauge| {
            for (kind, count) in clients.counts() {
                gauge.observe(count, &[KeyValue::new("kind", kind.as_str())]);
            }
        })
        .build();
    let durations = meter
        .f64_histogram("http.server.request.duration")
        .with_unit("s")
        .with_description("Duration of HTTP requests")
        .with_boundaries(REQUEST_SECONDS.to_vec())
        .build();
    requests.observe(move |kind, took| {
        let RequestKind { route, method, status } = kind;
        let mut labels = vec![
            KeyValue::new("http.request.method", *method),
            KeyValue::new("http.route", Arc::clone(route)),
            KeyValue::new("http.response.status_code", i64::from(*status)),
            KeyValue::new("url.scheme", "http"),
        ];
        if *status >= 500 {
            labels.push(KeyValue::new("error.type", status.to_string()));
        }
        durations.record(took.as_secs_f64(), &labels);
    });
    let observe = |number: fn(&RequestSums) -> f64| {
        let requests = requests.clone();
        move |counter: &dyn AsyncInstrument<f64>| {
            for (kind, sums) in requests.sums() {
                let RequestKind { route, method, status } = kind;
                let labels = [
                    KeyValue::new("method", method),
                    KeyValue::new("route", route),
                    KeyValue::new("status", i64::from(status)),
                ];
                counter.observe(number(&sums), &labels);
            }
        }
    };
    meter
        .f64_observable_counter("tickerq_http_requests")
        .with_description("Deprecated: use http_server_request_duration_seconds_count")
        .with_callback(observe(|sums| sums.count as f64))
        .build();
    meter
        .f64_observable_counter("tickerq_http_request")
        .with_unit("s")
        .with_description("Deprecated: use http_server_request_duration_seconds_sum")
        .with_callback(observe(|sums| sums.took.as_secs_f64()))
        .build();
}
