//! The host of a request: that of its target, or else of its `Host` header (RFC 9112, section 3.2).
//!
//! A target in absolute form replaces the `Host` header. All other code reads that header, so such a head is
//! rewritten to the usual form: a client could otherwise present one host to a check and another to the rest.

use std::net::Ipv6Addr;

use actix_web::http::{Method, Uri};

use super::refusal::Refusal;

/// A target in absolute form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Absolute<'a> {
    /// The host, with its port.
    authority: &'a str,
    /// The path with its query.
    path: String,
}

/// Checks a target; `Some` if it is in absolute form.
pub(super) fn check<'a>(method: &Method, target: &'a str) -> Result<Option<Absolute<'a>>, Refusal> {
    if Uri::try_from(target).is_err() {
        return Err(Refusal::Malformed("the request's target is not a URI"));
    }
    if target.starts_with('/') || target == "*" || method == Method::CONNECT {
        return Ok(None);
    }
    let Some((scheme, rest)) = target.split_once("://") else {
        return Err(Refusal::Malformed("the request's target is not a path"));
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(Refusal::Malformed(
            "the scheme of the request's target is not http or https",
        ));
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    check_host(authority.as_bytes())?;
    let path = match path {
        "" if method == Method::OPTIONS => "*".to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        query => format!("/{query}"),
    };
    Ok(Some(Absolute { authority, path }))
}

impl Absolute<'_> {
    /// The head with the path as its target and the authority as its host.
    pub(super) fn rewrite(&self, request: &httparse::Request<'_, '_>) -> Vec<u8> {
        let Self { authority, path } = self;
        let method = request.method.unwrap_or_default();
        let minor = request.version.unwrap_or(1);
        let mut head = format!("{method} {path} HTTP/1.{minor}\r\nhost: {authority}\r\n").into_bytes();
        for header in request.headers.iter() {
            if !header.name.eq_ignore_ascii_case("host") {
                head.extend_from_slice(header.name.as_bytes());
                head.extend_from_slice(b": ");
                head.extend_from_slice(header.value);
                head.extend_from_slice(b"\r\n");
            }
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// Rejects values other than one host with an optional port. Names have the characters of host names: no user, no
/// list.
pub(super) fn check_host(value: &[u8]) -> Result<(), Refusal> {
    let is_host = std::str::from_utf8(value).is_ok_and(|value| is_host(value.trim_matches([' ', '\t'])));
    if is_host {
        Ok(())
    } else {
        Err(Refusal::Malformed(
            "the host must be one name or address, with or without a port",
        ))
    }
}

fn is_host(text: &str) -> bool {
    let (is_name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address.parse::<Ipv6Addr>().is_ok(), port),
        None => {
            let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
            (!name.is_empty() && name.bytes().all(is_of_name), port)
        }
    };
    let is_port = match port.strip_prefix(':') {
        // RFC 3986 allows an empty one.
        Some("") => true,
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok(),
        None => port.is_empty(),
    };
    is_name && is_port
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_is_one_name_or_address_with_or_without_a_port() {
        for host in [
            "localhost",
            "localhost:5000",
            "a.b-c.example",
            "under_score.example:1",
            "127.0.0.1:80",
            "[::1]",
            "[::1]:5000",
            "example.com.",
            "example.com:",
        ] {
            assert_eq!(check_host(host.as_bytes()), Ok(()), "{host}");
        }
        for host in [
            "",
            " ",
            ":80",
            "a, b",
            "a,b",
            "a b",
            "user@a",
            "user:password@a",
            "a:80:80",
            "a:b",
            "a:99999",
            "a:+80",
            "::1",
            "[::1",
            "[::1]x",
            "[a]",
            "[::1]:x",
            "a/b",
            "a?b",
            "a#b",
            "a\\b",
            "http://a",
            "a%41",
            "ä.example",
        ] {
            assert!(check_host(host.as_bytes()).is_err(), "{host}");
        }
        assert!(check_host(b"a\xff").is_err());
    }

    #[test]
    fn a_target_is_a_path_or_a_url_of_http() {
        let check = |target| check(&Method::GET, target);
        for path in ["/", "/a?b=http://c", "//a/b", "*"] {
            assert_eq!(check(path), Ok(None), "{path}");
        }
        for (target, authority, path) in [
            ("http://a", "a", "/"),
            ("HTTPS://a:80/b?c", "a:80", "/b?c"),
            ("http://a?b", "a", "/?b"),
            ("http://[::1]:80/http://b", "[::1]:80", "/http://b"),
        ] {
            let path = path.to_owned();
            assert_eq!(check(target), Ok(Some(Absolute { authority, path })), "{target}");
        }
        for wrong in [
            "a",
            "a:80",
            "ftp://a/",
            "http:///a",
            "http://u@a/",
            "http://u:p@a/",
            "http://a:x/",
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert_eq!(super::check(&Method::CONNECT, "a:80"), Ok(None));
    }

    proptest! {
        #[test]
        fn an_accepted_host_has_no_special_characters_of_urls(host in "\\PC{0,20}") {
            if check_host(host.as_bytes()).is_ok() {
                prop_assert!(!host.contains(['@', '/', '?', '#', '\\', ',', '%']), "{host}");
            }
        }
    }
}
