//! `[metrics]`: numbers for Prometheus.

use crate::config::loader::section::Section;
use crate::domain::metrics::EXPORTED_NAMES;

/// `[metrics]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Whether numbers are exported.
    pub enable_prometheus_export: bool,
    /// At which path.
    pub prometheus_endpoint: String,
    /// Which; none for all.
    pub custom_metrics: Vec<String>,
    /// Whether only callers with the scope for reading are given them, where callers must show who they are.
    pub require_authentication: bool,
}

impl MetricsConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            enable_prometheus_export: section.get("enable_prometheus_export", false),
            prometheus_endpoint: section.get_if("prometheus_endpoint", "/metrics".to_owned(), |path: &String| {
                check_path(path)
            }),
            custom_metrics: section.get_if("custom_metrics", Vec::new(), |names: &Vec<String>| {
                names.iter().try_for_each(|name| check_name(name))
            }),
            require_authentication: section.get("require_authentication", true),
        }
    }
}

fn check_path(path: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    if path.len() < 2 || !path.starts_with('/') || path.ends_with('/') || !path.chars().all(is_plain) {
        return Err(
            "write a path such as \"/metrics\": letters, digits, '-', '_', '.' and '/', which it begins with"
                .to_owned(),
        );
    }
    if ["/healthz", "/readyz", "/docs"].contains(&path) {
        return Err(format!("{path} is taken"));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    if EXPORTED_NAMES.contains(&name) {
        return Ok(());
    }
    Err(format!(
        "there is no metric '{name}'; there are {}",
        EXPORTED_NAMES.join(", ")
    ))
}
