//! `[api]`: the API, and who may call it.

pub mod authentication;
pub mod jwt;
pub mod keys;
pub mod scopes;

use self::authentication::AuthenticationConfig;
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Setting, Wrong, quoted, word};
use crate::config::loader::value::Value;

/// `[api]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiConfig {
    /// Whether there is an API at all.
    pub enable: bool,
    /// What every path starts with: a `/` first and none at the end.
    pub base_path: String,
    /// The segment after `base_path` under which the same routes stand once more.
    pub version: String,
    /// What happens to a job whose type has no settings.
    pub unknown_job_types: UnknownJobTypes,
    /// Whether there are pages that describe the API.
    pub docs: bool,
    /// Whether the API's description and these pages can be read by anybody, also where callers must show who they are.
    pub public_docs: bool,
    /// Who may call.
    pub authentication: AuthenticationConfig,
}

/// What happens to a job whose type has no settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownJobTypes {
    /// It waits for somebody who can run it.
    Accept,
    /// It is refused.
    Reject,
}

impl ApiConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> Self {
        Self {
            enable: section.get("enable", true),
            base_path: section.get_if("base_path", "/api/tickerq".to_owned(), |path: &String| {
                check_base_path(path)
            }),
            version: section.get_if("version", "v1".to_owned(), |version: &String| check_version(version)),
            unknown_job_types: section.get("unknown_job_types", UnknownJobTypes::Accept),
            docs: section.get("docs", true),
            public_docs: section.get("public_docs", false),
            // Last: it has tables of its own.
            authentication: AuthenticationConfig::read(section),
        }
    }
}

impl UnknownJobTypes {
    const WORDS: [(&str, Self); 2] = [("accept", Self::Accept), ("reject", Self::Reject)];
}

impl Setting for UnknownJobTypes {
    fn read(value: &Value) -> Result<Self, Wrong> {
        word(value, &Self::WORDS)
    }

    fn show(&self) -> String {
        quoted(match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
        })
    }
}

/// Characters that mean nothing special in a path or a route.
fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~')
}

fn check_base_path(path: &str) -> Result<(), String> {
    let segments = path.strip_prefix('/').map(|rest| rest.split('/'));
    let is_right = segments.is_some_and(|mut segments| {
        segments
            .all(|segment| !segment.is_empty() && segment.chars().any(|c| c != '.') && segment.chars().all(is_plain))
    });
    if is_right {
        Ok(())
    } else {
        Err(format!(
            "'{path}' is not a base path; write it like /api/tickerq: a / first, none at the end, between them letters, \
             digits and - _ . ~"
        ))
    }
}

// A version that looked like a resource (`jobs`) would hide it.
fn check_version(version: &str) -> Result<(), String> {
    let rest = version.strip_prefix('v').unwrap_or_default();
    if rest.starts_with(|c: char| c.is_ascii_digit()) && rest.chars().all(is_plain) {
        Ok(())
    } else {
        Err(format!(
            "'{version}' is not a version; write a v and a number, such as v1"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::{check_base_path, check_version};

    #[test]
    fn a_base_path_is_plain_segments_after_slashes() {
        for path in ["/api/tickerq", "/x", "/a.b/c-d_e~f"] {
            assert_eq!(check_base_path(path), Ok(()));
        }
        for path in [
            "", "/", "api", "/api/", "//api", "/a/../b", "/{id}", "/a b", "/ä", "/a?b",
        ] {
            assert!(check_base_path(path).is_err(), "{path} was accepted");
        }
    }

    #[test]
    fn a_version_is_a_v_and_a_number() {
        assert_eq!(check_version("v1"), Ok(()));
        assert_eq!(check_version("v2.1-beta"), Ok(()));
        for version in ["", "1", "v", "jobs", "v1/x", "vx"] {
            assert!(check_version(version).is_err(), "{version} was accepted");
        }
    }
}
