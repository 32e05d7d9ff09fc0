//! `[metrics]`: the export to Prometheus.

use crate::api::rest::prometheus::PrometheusOptions;
use crate::config::loader::section::Section;
use crate::domain::metrics::EXPORTED_NAMES;

/// `None` without an export.
pub(crate) fn read(section: &mut Section<'_>) -> Option<PrometheusOptions> {
    let is_enabled = section.get("enable_prometheus_export", false);
    let options = PrometheusOptions {
        path: section.get_if("prometheus_endpoint", "/metrics".to_owned(), |path: &String| {
            check_path(path)
        }),
        names: section.get_if("custom_metrics", Vec::new(), |names: &Vec<String>| {
            names.iter().try_for_each(|name| check_name(name))
        }),
        is_open: !section.get("require_authentication", true),
    };
    is_enabled.then_some(options)
}

fn check_path(path: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    if path.len() < 2 || !path.starts_with('/') || path.ends_with('/') || !path.chars().all(is_plain) {
        return Err(
            "the form is \"/metrics\": a path of letters, digits, '-', '_', '.' and '/' that begins with '/'"
                .to_owned(),
        );
    }
    if ["/healthz", "/readyz", "/docs"].contains(&path) {
        return Err(format!("{path} is already used"));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    if EXPORTED_NAMES.contains(&name) {
        return Ok(());
    }
    Err(format!(
        "unknown metric '{name}'; metrics are {}",
        EXPORTED_NAMES.join(", ")
    ))
}
