//! `[telemetry]`: traces and numbers for Application Insights and OpenTelemetry.

use super::endpoint::{EndpointUrl, header_secrets};
use crate::config::loader::connection_string::ConnectionString;
use crate::config::loader::secret::Secret;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::between;
use crate::domain::values::name::is_name_character;
use crate::domain::values::time_span::TimeSpan;

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
    /// More attributes of this server, as `OTEL_RESOURCE_ATTRIBUTES` writes them.
    pub resource_attributes: Option<String>,
}

impl TelemetryConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        let is_enabled = section.get("enable_application_insights", false);
        let connection_string = if is_enabled {
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
        let named = attributes.into_iter().find(|(key, _)| key == "service.name");
        let service_name = named.map_or_else(|| "tickerq".to_owned(), |(_, name)| name);
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
            service_name: section.get_if("service_name", service_name, |name: &String| check_name(name)),
            resource_attributes,
            // Last: it is a table, and TOML takes what is shown after its header as its own.
            otlp_headers: header_secrets(section, "otlp_headers"),
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

/// Reads attributes as `OTEL_RESOURCE_ATTRIBUTES` writes them: `key=value,key=value`, with `%` and two digits for a byte
/// that has a meaning of its own. `None` when the text breaks the rules: then all of it is to be discarded.
pub fn read_attributes(text: &str) -> Option<Vec<(String, String)>> {
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
