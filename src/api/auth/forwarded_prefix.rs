//! Path prefix under which a proxy publishes the server.

use actix_web::http::header::HeaderMap;

const FORWARDED_PREFIX: &str = "x-forwarded-prefix";
/// Maximum length of a prefix, in bytes.
const LENGTH_MAX: usize = 256;

/// The prefix in `X-Forwarded-Prefix`, without a trailing slash; `None` if there is none, or it is not a plain path: it
/// becomes part of URLs that callers follow.
pub(super) fn of(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(FORWARDED_PREFIX);
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let path = value.trim().trim_end_matches('/');
    is_plain(path).then(|| path.to_owned())
}

/// True for one or more of `/` and a segment.
fn is_plain(path: &str) -> bool {
    let is_plain = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    path.len() <= LENGTH_MAX && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn prefix(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                HeaderName::from_static(FORWARDED_PREFIX),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        of(&headers)
    }

    #[test]
    fn a_prefix_is_a_plain_path() {
        for (given, expected) in [
            ("/jobs", "/jobs"),
            ("/jobs/", "/jobs"),
            (" /team-a/jobs_1.0~x ", "/team-a/jobs_1.0~x"),
        ] {
            assert_eq!(prefix(&[given]).as_deref(), Some(expected), "{given}");
        }
        let long = format!("/{}", "a".repeat(LENGTH_MAX));
        for wrong in [
            "",
            "/",
            "jobs",
            "//evil.example",
            "/a//b",
            "/a/../b",
            "/.",
            "https://evil.example/a",
            "/a?b",
            "/a#b",
            "/a b",
            "/a\\b",
            "/a%2e",
            "/a,/b",
            "/<script>",
            &long,
        ] {
            assert_eq!(prefix(&[wrong]), None, "{wrong}");
        }
        assert_eq!(prefix(&["/a", "/b"]), None, "they are ambiguous");
        assert_eq!(prefix(&[]), None);
    }
}
