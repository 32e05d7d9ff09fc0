//! `[api]`: the API and its authentication.

mod authentication;
mod jwt;
pub(crate) mod keys;
pub(crate) mod scopes;

use crate::api::auth::{AllowedOrigins, AuthOptions};
use crate::api::rest::{Docs, RestOptions};
use crate::config::loader::section::Section;
use crate::config::loader::typed_value::{Setting, Wrong, quoted, word};
use crate::config::loader::value::Value;
use crate::config::sections::server::RequestSettings;
use crate::service::limits::job_limits::UnknownJobTypes;

/// `[api]`.
#[derive(Clone)]
pub(crate) struct ApiConfig {
    /// The REST API.
    pub rest: RestOptions,
    /// The handling of jobs without settings for their type.
    pub unknown_job_types: UnknownJobTypes,
    /// Authentication.
    pub auth: AuthOptions,
}

impl ApiConfig {
    pub(crate) fn read(section: &mut Section<'_>, requests: RequestSettings) -> Self {
        let enable = section.get("enable", true);
        let base_path = section.get_if("base_path", "/api/tickerq".to_owned(), |path: &String| {
            check_base_path(path)
        });
        let version = section.get_if("version", "v1".to_owned(), |version: &String| check_version(version));
        let unknown_job_types = section.get("unknown_job_types", UnknownJobTypes::Accept);
        let docs = section.get("docs", Docs::default());
        // Last, because it has tables of its own.
        let RequestSettings {
            max_request_body,
            max_batch_body,
            max_response,
            max_response_memory,
            max_body_memory,
            cors_origins,
            trusted_proxies,
        } = requests;
        let auth = AuthOptions {
            trusted_proxies,
            origins: AllowedOrigins(cors_origins),
            ..authentication::read(section)
        };
        Self {
            rest: RestOptions {
                enable,
                base_path,
                version,
                body_bytes_max: max_request_body,
                batch_body_bytes_max: max_batch_body,
                response_bytes_max: max_response,
                response_memory_max: max_response_memory,
                body_memory_max: max_body_memory,
                docs,
                requires_authentication: auth.is_required,
            },
            unknown_job_types,
            auth,
        }
    }
}

impl Setting for UnknownJobTypes {
    fn read(value: &Value) -> Result<Self, Wrong> {
        word(value, &[("accept", Self::Accept), ("reject", Self::Reject)])
    }

    fn show(&self) -> String {
        quoted(match self {
            Self::Accept => "accept",
            Self::Reject => "reject",
        })
    }
}

impl Setting for Docs {
    fn read(value: &Value) -> Result<Self, Wrong> {
        let words = [
            ("off", Self::Off),
            ("authenticated", Self::Authenticated),
            ("public", Self::Public),
        ];
        word(value, &words)
    }

    fn show(&self) -> String {
        quoted(match self {
            Self::Off => "off",
            Self::Authenticated => "authenticated",
            Self::Public => "public",
        })
    }
}

/// Characters without a meaning of their own in a path or a route.
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
