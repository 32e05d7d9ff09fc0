//! `[telemetry]`: traces and numbers for Application Insights and OpenTelemetry.

use super::connection_string::ConnectionString;
use super::handler::{EndpointUrl, header_secrets};
use super::secret::Secret;
use super::section::Section;
use super::setting::between;
use crate::domain::time_span::TimeSpan;

/// How long a service's name may be, in characters.
const NAME_LENGTH_MAX: usize = 200;

/// `[telemetry]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetryConfig {
    /// Where Application Insights takes telemetry, if it is sent any.
    pub application_insights: Option<ConnectionString>,
    /// Whether Application Insights is told of each attempt, what it calls, and why it fails.
    pub track_job_executions: bool,
    /// Whether Application Insights is told numbers.
    pub track_performance_counters: bool,
    /// Where OTLP over HTTP is sent to, if anywhere, without `/v1/traces`.
    pub otlp_endpoint: Option<EndpointUrl>,
    /// What is sent with it.
    pub otlp_headers: Vec<(String, Secret)>,
    /// How many of the traces are kept that no caller has begun, in percent.
    pub sample_percent: u32,
    /// How many jobs a second are traced at the most.
    pub max_traces_per_second: u32,
    /// How often numbers are sent.
    pub metrics_interval: TimeSpan,
    /// What this service is called there.
    pub service_name: String,
}

impl TelemetryConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let is_enabled = section.get("enable_application_insights", false);
        let connection_string = if is_enabled {
            section.required::<ConnectionString>("connection_string")
        } else {
            section.optional("connection_string")
        };
        Self {
            application_insights: connection_string.filter(|_| is_enabled),
            track_job_executions: section.get("track_job_executions", true),
            track_performance_counters: section.get("track_performance_counters", true),
            otlp_endpoint: section.optional("otlp_endpoint"),
            sample_percent: section.get_if("sample_percent", 100, between(0, 100)),
            max_traces_per_second: section.get_if("max_traces_per_second", 1_000, between(1, 1_000_000)),
            metrics_interval: section.get_if(
                "metrics_interval",
                TimeSpan::from_secs(60),
                between(TimeSpan::from_secs(1), TimeSpan::from_secs(3_600)),
            ),
            service_name: section.get_if("service_name", "tickerq".to_owned(), |name: &String| check_name(name)),
            // Last: it is a table, and TOML takes what is shown after its header as its own.
            otlp_headers: header_secrets(section, "otlp_headers"),
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    if name.trim().is_empty() || length > NAME_LENGTH_MAX || name.chars().any(char::is_control) {
        return Err(format!(
            "write a name of 1 to {NAME_LENGTH_MAX} characters that can be printed"
        ));
    }
    Ok(())
}
