//! Options of the dashboard and their checks.

use reqwest::Url;
use serde::Serialize;

/// Maximum length of a name.
const NAME_MAX: usize = 64;
/// Paths of other parts of the server.
const TAKEN: [&str; 6] = ["/assets", "/docs", "/graphiql", "/graphql", "/healthz", "/readyz"];

/// Stage of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// An instance for development.
    Development,
    /// An instance for tests.
    Test,
    /// An instance in production: the dashboard requires typed confirmations of bulk actions.
    Production,
}

/// Options of the dashboard.
#[derive(Clone, Debug)]
pub struct DashboardOptions {
    /// True if the dashboard is served.
    pub enable: bool,
    /// Path of the dashboard: `/dashboard/`.
    pub path: String,
    /// Name of the instance, in the header and in titles.
    pub name: Option<String>,
    /// Stage of the instance.
    pub stage: Option<Stage>,
    /// Colour of the instance's badge: `#rrggbb`, `#rgb` or the name of a CSS colour.
    pub colour: Option<String>,
    /// True if the dashboard offers no changes. The rights of callers do not depend on it.
    pub read_only: bool,
    /// True if payloads show keys and sizes until they are requested.
    pub hide_payloads: bool,
    /// Address of a trace, with `{traceId}`.
    pub trace_url: Option<String>,
    /// Origins whose pages may show the dashboard in a frame; `self` is the server's own.
    pub frame_ancestors: Vec<String>,
}

impl Default for DashboardOptions {
    fn default() -> Self {
        Self {
            enable: true,
            path: "/dashboard/".to_owned(),
            name: None,
            stage: None,
            colour: None,
            read_only: false,
            hide_payloads: false,
            trace_url: None,
            frame_ancestors: Vec::new(),
        }
    }
}

/// Error of an option of the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("dashboard.{option}: {message}")]
pub struct InvalidDashboard {
    /// The option.
    pub option: &'static str,
    /// The error.
    pub message: String,
}

impl DashboardOptions {
    /// Checks every option, and that the path is none of the others.
    pub(crate) fn check(&self, others: &[&str]) -> Result<(), InvalidDashboard> {
        fn optional(value: Option<&String>, check: fn(&str) -> Result<(), String>) -> Result<(), String> {
            value.map_or(Ok(()), |value| check(value))
        }
        let is_free = check_path(&self.path).and_then(|()| check_free(&self.path, others));
        let ancestors = self
            .frame_ancestors
            .iter()
            .try_for_each(|source| check_ancestor(source));
        [
            ("path", is_free),
            ("name", optional(self.name.as_ref(), check_name)),
            ("colour", optional(self.colour.as_ref(), check_colour)),
            ("trace_url", optional(self.trace_url.as_ref(), check_trace_url)),
            ("frame_ancestors", ancestors),
        ]
        .into_iter()
        .try_for_each(|(option, checked)| checked.map_err(|message| InvalidDashboard { option, message }))
    }

    /// The path with a slash at both ends.
    pub(super) fn mount(&self) -> String {
        format!("/{}/", self.path.trim_matches('/'))
    }

    /// The sources of `frame-ancestors`.
    pub(super) fn frame_sources(&self) -> String {
        if self.frame_ancestors.is_empty() {
            return "'none'".to_owned();
        }
        let sources = self.frame_ancestors.iter().map(|source| match source.as_str() {
            "self" => "'self'",
            origin => origin,
        });
        sources.collect::<Vec<_>>().join(" ")
    }

    /// `X-Frame-Options`; none if other origins are allowed.
    pub(super) fn frame_options(&self) -> Option<&'static str> {
        match self.frame_ancestors.as_slice() {
            [] => Some("DENY"),
            ancestors => ancestors.iter().all(|source| source == "self").then_some("SAMEORIGIN"),
        }
    }
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

/// Checks the form of a path.
pub(crate) fn check_path(path: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~');
    let inside = path.strip_prefix('/').unwrap_or_default();
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    let is_right = |segment: &str| segment.chars().any(|c| c != '.') && segment.chars().all(is_plain);
    if inside.split('/').all(is_right) {
        Ok(())
    } else {
        Err(format!(
            "'{path}' is not a path of the dashboard; write it like /dashboard/: between slashes letters, digits and \
             - _ . ~"
        ))
    }
}

/// Checks that no route of another part of the server is below the path, or the path below one.
pub(crate) fn check_free(path: &str, others: &[&str]) -> Result<(), String> {
    let own = segments(path);
    let overlaps = |other: &&&str| {
        let other = segments(other);
        own.iter().zip(&other).all(|(own, other)| own == other)
    };
    match TAKEN.iter().chain(others).find(overlaps) {
        Some(other) => Err(format!(
            "'{path}' overlaps with {other}, which is another part of the server"
        )),
        None => Ok(()),
    }
}

/// Checks a name.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.chars().count() > NAME_MAX || name.chars().any(char::is_control) {
        return Err(format!(
            "allowed are 1 to {NAME_MAX} characters, at least one of them visible, without control characters"
        ));
    }
    Ok(())
}

/// Checks a colour.
pub(crate) fn check_colour(colour: &str) -> Result<(), String> {
    let is_right = match colour.strip_prefix('#') {
        Some(digits) => matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !colour.is_empty() && colour.bytes().all(|byte| byte.is_ascii_alphabetic()),
    };
    if is_right {
        Ok(())
    } else {
        Err(format!(
            "'{colour}' is not a colour; write #rrggbb, #rgb or the name of a CSS colour"
        ))
    }
}

/// Checks the address of a trace.
pub(crate) fn check_trace_url(url: &str) -> Result<(), String> {
    let example = url.replace("{traceId}", "0af7651916cd43dd8448eb211c80319c");
    let is_web = Url::parse(&example).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if is_web && url.contains("{traceId}") {
        Ok(())
    } else {
        Err(format!(
            "'{url}' is not the address of a trace; write it like https://traces.example.com/trace/{{traceId}}"
        ))
    }
}

/// Checks an origin of pages with frames.
pub(crate) fn check_ancestor(source: &str) -> Result<(), String> {
    let is_origin = || {
        let host = source
            .strip_prefix("https://")
            .or_else(|| source.strip_prefix("http://"));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '*' | '[' | ']');
        host.is_some_and(|host| !host.is_empty() && host.chars().all(is_plain))
    };
    if source == "self" || is_origin() {
        Ok(())
    } else {
        Err(format!(
            "'{source}' is not an origin; write \"self\" or an origin such as https://portal.example.com, without a path"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_plain_segments_and_overlaps_with_no_other_part() {
        for right in ["/dashboard/", "/dashboard", "/ops/jobs-1/"] {
            assert_eq!(check_path(right), Ok(()));
            assert_eq!(check_free(right, &["/api/tickerq", "/metrics"]), Ok(()));
        }
        for wrong in ["", "/", "//", "dashboard/", "/a//b/", "/../", "/a b/", "/{x}/", "/a?b"] {
            assert!(check_path(wrong).is_err(), "{wrong} was accepted");
        }
        for taken in ["/graphql/", "/assets/a/", "/api/", "/api/tickerq/jobs/", "/metrics"] {
            assert!(
                check_free(taken, &["/api/tickerq", "/metrics"]).is_err(),
                "{taken} was accepted"
            );
        }
    }

    #[test]
    fn names_colours_and_addresses_are_checked() {
        assert_eq!(check_name("Shop, Europe"), Ok(()));
        for wrong in ["", " ", "a\nb", &"x".repeat(NAME_MAX + 1)] {
            assert!(check_name(wrong).is_err(), "{wrong} was accepted");
        }
        for right in ["#fff", "#4457D6", "rebeccapurple"] {
            assert_eq!(check_colour(right), Ok(()));
        }
        for wrong in ["", "#ff", "#ggg", "red;", "url(x)"] {
            assert!(check_colour(wrong).is_err(), "{wrong} was accepted");
        }
        assert_eq!(check_trace_url("https://t.example/{traceId}?a=b"), Ok(()));
        for wrong in ["https://t.example/", "javascript:{traceId}", "{traceId}", "/{traceId}"] {
            assert!(check_trace_url(wrong).is_err(), "{wrong} was accepted");
        }
    }

    #[test]
    fn frames_are_refused_unless_an_origin_is_allowed() {
        let allowed = |ancestors: &[&str]| {
            let options = DashboardOptions {
                frame_ancestors: ancestors.iter().map(|&source| source.to_owned()).collect(),
                ..DashboardOptions::default()
            };
            assert_eq!(options.check(&[]), Ok(()));
            (options.frame_sources(), options.frame_options())
        };
        assert_eq!(allowed(&[]), ("'none'".to_owned(), Some("DENY")));
        assert_eq!(allowed(&["self"]), ("'self'".to_owned(), Some("SAMEORIGIN")));
        assert_eq!(
            allowed(&["self", "https://portal.example.com:8443"]),
            ("'self' https://portal.example.com:8443".to_owned(), None)
        );
        for wrong in [
            "*",
            "'self'",
            "https://a.example/path",
            "https://a; script-src *",
            "ftp://a",
        ] {
            assert!(check_ancestor(wrong).is_err(), "{wrong} was accepted");
        }
    }
}
