//! `[telemetry]`: traces and metrics for Application Insights and OpenTelemetry.

use std::sync::Arc;

use super::endpoint::{EndpointUrl, header_secrets};
use crate::config::loader::connection_string::ConnectionString;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::between;
use crate::domain::values::name::is_name_character;
use crate::domain::values::ratio::Ratio;
use crate::domain::values::time_span::TimeSpan;
use crate::domain::values::trace_context::SamplingRatio;
use crate::runtime::monitoring::job_spans::Traces;
use crate::telemetry::exporters::DestinationOptions;
use crate::telemetry::options::{Identity, TelemetryOptions};

/// Maximum length of a service's name, in characters.
const NAME_LENGTH_MAX: usize = 200;

/// `[telemetry]`.
#[derive(Clone, Debug)]
pub(crate) struct TelemetryConfig {
    /// The exports; `None` without a destination.
    pub exports: Option<TelemetryOptions>,
    /// The sampling ratio of traces that no caller has started.
    pub sampling: SamplingRatio,
}

impl TelemetryConfig {
    pub(crate) fn read(section: &mut Section<'_>, node_name: &Arc<str>) -> Self {
        let is_enabled = section.get("enable_application_insights", false);
        let connection = if is_enabled {
            section.required::<ConnectionString>("connection_string")
        } else {
            section.optional("connection_string")
        };
        let resource_attributes: Option<String> = section.optional("resource_attributes");
        let attributes = resource_attributes.as_deref().and_then(read_attributes);
        if resource_attributes.is_some() && attributes.is_none() {
            section.warn(
                "resource_attributes",
                "is ignored: it is not key=value,key=value with percent-encoded values",
            );
        }
        let attributes = attributes.unwrap_or_default();
        let named = attributes.iter().find(|(key, _)| key == "service.name");
        let service_name = named.map_or_else(|| "tickerq".to_owned(), |(_, name)| name.clone());
        let (traces, metrics) = (
            section.get("track_job_executions", true),
            section.get("track_performance_counters", true),
        );
        let otlp_endpoint: Option<EndpointUrl> = section.optional("otlp_endpoint");
        let sample_ratio = section.get("trace_sample_ratio", Ratio::ONE);
        let traces_per_second_max = section.get_if("max_traces_per_second", 1_000, between(1, 1_000_000));
        let metrics_interval = section.get_if(
            "metrics_interval",
            TimeSpan::from_secs(60),
            between(TimeSpan::from_secs(1), TimeSpan::from_secs(3_600)),
        );
        let service_name = section.get_if("service_name", service_name, |name: &String| check_name(name));
        // Last, because it is a table, and TOML assigns keys after its header to it.
        let headers = header_secrets(section, "otlp_headers");
        let insights = connection
            .filter(|_| is_enabled && (traces || metrics))
            .map(|connection| DestinationOptions::ApplicationInsights {
                instrumentation_key: connection.instrumentation_key,
                endpoint: connection.ingestion_endpoint.into(),
                traces,
                metrics,
            });
        let otlp = otlp_endpoint.map(|endpoint| DestinationOptions::Otlp {
            endpoint: endpoint.as_url().to_string(),
            headers,
        });
        let destinations: Vec<DestinationOptions> = insights.into_iter().chain(otlp).collect();
        Self {
            exports: (!destinations.is_empty()).then(|| TelemetryOptions {
                destinations,
                traces_per_second_max,
                metrics_interval: metrics_interval.to_std(),
                identity: Identity {
                    service_name: service_name.into(),
                    node_name: Arc::clone(node_name),
                    attributes,
                },
            }),
            sampling: SamplingRatio::of(sample_ratio.as_f64()),
        }
    }

    /// The traces of jobs, as far as they are exported.
    pub(crate) fn traces(&self) -> Traces {
        let mut destinations = self.exports.iter().flat_map(|options| &options.destinations);
        if destinations.any(DestinationOptions::wants_traces) {
            Traces::exported(self.sampling)
        } else {
            Traces::default()
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > NAME_LENGTH_MAX || !name.chars().all(is_name_character) {
        return Err(format!(
            "write a name of 1 to {NAME_LENGTH_MAX} characters that can be printed"
        ));
    }
    Ok(())
}

/// Parses attributes as in `OTEL_RESOURCE_ATTRIBUTES`: `key=value,key=value`, percent-encoded. `None` if the text is
/// invalid: then all of it is to be discarded.
pub(crate) fn read_attributes(text: &str) -> Option<Vec<(String, String)>> {
    let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
    members
        .map(|member| {
            let (key, value) = member.split_once('=')?;
            let (key, value) = (key.trim(), decoded(value.trim())?);
            let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
            is_key.then(|| (key.to_owned(), value))
        })
        .collect()
}

/// The text with its escapes replaced.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        if *first == b'%' {
            let digits = others.get(..2).and_then(|digits| std::str::from_utf8(digits).ok())?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &others[2..];
        } else {
            bytes.push(*first);
            rest = others;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::read_attributes;

    #[test]
    fn attributes_are_read_as_opentelemetry_writes_them() {
        let read = |text| {
            let read = read_attributes(text)?;
            Some(
                read.iter()
                    .map(|(key, value)| format!("{key}:{value}"))
                    .collect::<Vec<_>>()
                    .join(" "),
            )
        };
        let text = "deployment.environment.name=prod, team=blue%2Cred ,service.instance.id=%C3%BC,empty=";
        let expected = "deployment.environment.name:prod team:blue,red service.instance.id:ü empty:";
        assert_eq!(read(text).as_deref(), Some(expected));
        assert_eq!(read("").as_deref(), Some(""));
        for text in ["prod", "=prod", "a=%", "a=%2", "a=%zz", "a=%ff", "a b=1", "a=1,b"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
