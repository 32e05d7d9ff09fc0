//! Checks the origin of pages in browsers.
//!
//! CORS keeps a foreign page from reading responses. It does not keep it from opening a WebSocket, from a simple `POST`, nor
//! from a `GET` as the address of an image: without authentication, the browser's network would be all that the page needs.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{ACCEPT, HOST, HeaderMap, ORIGIN, REFERER};

/// Origins whose pages may call, in addition to the server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins(pub Vec<String>);

impl AllowedOrigins {
    /// True if the origin of a request is allowed. Requests without an origin always are.
    pub fn allow(&self, request: &HttpRequest) -> bool {
        let headers = request.headers();
        let mut origins = headers.get_all(ORIGIN);
        let Some(origin) = origins.next() else {
            // Browsers send this header even when they omit the origin, but only to HTTPS and to this machine.
            return !matches!(text(headers, "sec-fetch-site"), Some("cross-site" | "same-site"));
        };
        let Ok(origin) = origin.to_str() else { return false };
        if origins.next().is_some() {
            return false;
        }
        // The browser itself reports the page as the server's own, even if a proxy has changed the host.
        text(headers, "sec-fetch-site") == Some("same-origin") || self.is_allowed(origin, request)
    }

    fn is_allowed(&self, origin: &str, request: &HttpRequest) -> bool {
        let Self(allowed) = self;
        allowed.iter().any(|allowed| allowed == "*" || allowed == origin)
            || host_of(request).is_some_and(|host| is_own(origin, host))
    }

    /// True if a request without an origin comes from another site's page, in a browser that omits `Sec-Fetch-Site`: over
    /// plain HTTP beyond this machine, and in Safari before 16.4. The page is recognized by its address, or by a format
    /// that only pages load.
    pub fn is_of_foreign_page(&self, request: &HttpRequest) -> bool {
        let headers = request.headers();
        if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
            return false;
        }
        if headers.contains_key(REFERER) {
            let mut pages = headers.get_all(REFERER);
            return !pages.all(|page| {
                page.to_str()
                    .is_ok_and(|page| self.is_allowed(origin_of(page), request))
            });
        }
        text(headers, ACCEPT.as_str()).is_some_and(prefers_part_of_page)
    }

    /// True if pages of every origin may call.
    pub fn are_any(&self) -> bool {
        self.0.iter().any(|origin| origin == "*")
    }

    /// True if the requested host is not a name, or one that belongs to this server.
    pub fn is_own_host(&self, request: &HttpRequest) -> bool {
        if request.uri().authority().is_none() && !request.headers().contains_key(HOST) {
            // HTTP/1.0 has no host, and no browser uses it.
            return true;
        }
        let Some(host) = host_of(request) else {
            return false;
        };
        let name = without_port(host);
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let is_local = ["localhost", "localhost."]
            .iter()
            .any(|local| name.eq_ignore_ascii_case(local))
            || name.to_ascii_lowercase().ends_with(".localhost");
        let Self(allowed) = self;
        let is_named = || {
            allowed.iter().any(|origin| {
                let authority = origin
                    .split_once("://")
                    .map_or(origin.as_str(), |(_, authority)| authority);
                origin == "*" || without_port(authority).eq_ignore_ascii_case(name)
            })
        };
        is_address || is_local || is_named()
    }
}

/// True if a browser opens the address as a page, as for a link: other pages can't read it.
pub(super) fn is_top_level_navigation(request: &HttpRequest) -> bool {
    let headers = request.headers();
    *request.method() == Method::GET
        && text(headers, "sec-fetch-mode") == Some("navigate")
        && text(headers, "sec-fetch-dest") == Some("document")
}

/// The origin of a page's address.
fn origin_of(page: &str) -> &str {
    let authority = page.find("://").map_or(0, |scheme| scheme + 3);
    let end = page[authority..].find(['/', '?', '#']);
    end.map_or(page, |end| &page[..authority + end])
}

/// True if `Accept` begins with a format of which pages load parts of themselves: images, styles, media, fonts, scripts.
fn prefers_part_of_page(accept: &str) -> bool {
    let first = accept.trim_start().to_ascii_lowercase();
    [
        "image/",
        "audio/",
        "video/",
        "font/",
        "text/css",
        "text/javascript",
        "application/javascript",
    ]
    .iter()
    .any(|part| first.starts_with(part))
}

/// A host without its port. The colons of an IPv6 address are in brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) | None => host,
    }
}

/// The requested host: the target's, which overrides the header's (RFC 9112, section 3.2.2). `None` if it is not
/// unique.
fn host_of(request: &HttpRequest) -> Option<&str> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str());
    }
    let mut hosts = request.headers().get_all(HOST);
    let host = hosts.next()?.to_str().ok()?;
    hosts.next().is_none().then_some(host)
}

/// True if a page's origin is the requested host.
fn is_own(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let usual_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let host = host.strip_suffix(usual_port).unwrap_or(host);
    authority.eq_ignore_ascii_case(host)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn allows(allowed: &[&str], headers: &[(&str, &str)]) -> bool {
        let mut request = TestRequest::get();
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        let allowed = AllowedOrigins(allowed.iter().map(|origin| (*origin).to_owned()).collect());
        allowed.allow(&request.to_http_request())
    }

    #[test]
    fn a_page_of_the_server_itself_and_programs_may_call() {
        assert!(allows(&[], &[("host", "127.0.0.1:5000")]));
        assert!(allows(
            &[],
            &[("host", "127.0.0.1:5000"), ("origin", "http://127.0.0.1:5000")]
        ));
        assert!(allows(
            &[],
            &[("host", "jobs.example.com"), ("origin", "https://jobs.example.com")]
        ));
        assert!(allows(
            &[],
            &[("host", "jobs.example.com:443"), ("origin", "https://jobs.example.com")]
        ));
        assert!(allows(
            &[],
            &[
                ("host", "127.0.0.1:5000"),
                ("origin", "https://jobs.example.com"),
                ("sec-fetch-site", "same-origin")
            ]
        ));
        assert!(allows(&[], &[("sec-fetch-site", "none")]));
    }

    #[test]
    fn a_foreign_page_is_recognized_where_browsers_omit_the_site() {
        let is_foreign = |headers: &[(&str, &str)]| {
            let mut request = TestRequest::get().append_header(("host", "10.1.2.3:5000"));
            for (name, value) in headers {
                request = request.append_header((*name, *value));
            }
            let allowed = AllowedOrigins(vec!["https://app.example".to_owned()]);
            allowed.is_of_foreign_page(&request.to_http_request())
        };
        let image = ("accept", "image/avif,image/webp,*/*;q=0.8");
        for headers in [
            &[][..],
            &[("accept", "*/*")],
            &[("accept", "application/json, image/png")],
            &[("accept", "text/html,application/xhtml+xml,image/avif,*/*;q=0.8")],
            &[("referer", "http://10.1.2.3:5000/docs/?a#b"), image],
            &[("referer", "http://10.1.2.3:5000")],
            &[("referer", "https://app.example/jobs"), image],
            &[("sec-fetch-site", "same-origin"), image],
        ] {
            assert!(!is_foreign(headers), "{headers:?}");
        }
        for headers in [
            &[image][..],
            &[("accept", "text/css,*/*;q=0.1")],
            &[("accept", "Video/webm,*/*;q=0.5")],
            &[("referer", "http://evil.example/")],
            &[
                ("referer", "http://evil.example/http://10.1.2.3:5000/"),
                ("accept", "*/*"),
            ],
            &[("referer", "http://10.1.2.3:5000@evil.example/")],
            &[
                ("referer", "http://10.1.2.3:5000/"),
                ("referer", "http://evil.example/"),
            ],
            &[("referer", "about:client")],
            &[("referer", "")],
        ] {
            assert!(is_foreign(headers), "{headers:?}");
        }
    }

    #[test]
    fn an_unknown_host_name_is_not_this_servers() {
        let is_own = |allowed: &[&str], host: &str| {
            let request = TestRequest::get().insert_header(("host", host)).to_http_request();
            AllowedOrigins(allowed.iter().map(|origin| (*origin).to_owned()).collect()).is_own_host(&request)
        };
        for host in [
            "127.0.0.1:5000",
            "localhost",
            "localhost:5000",
            "LOCALHOST:5000",
            "[::1]:5000",
            "[::1]",
            "10.1.2.3",
            "jobs.localhost:80",
        ] {
            assert!(is_own(&[], host), "{host}");
        }
        for host in [
            "evil.example:5000",
            "evil.example",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example:5000",
            "",
        ] {
            assert!(!is_own(&[], host), "{host}");
        }
        let of = |request: TestRequest| AllowedOrigins::default().is_own_host(&request.to_http_request());
        let absolute = |uri: &str| TestRequest::with_uri(uri).insert_header(("host", "localhost"));
        assert!(!of(absolute("http://evil.example/")), "the target's host counts");
        assert!(!of(absolute("http://localhost@evil.example/")));
        assert!(of(absolute("http://localhost:5000/")));
        let twice = TestRequest::get().append_header(("host", "localhost"));
        assert!(!of(twice.append_header(("host", "evil.example"))));
        assert!(is_own(&["https://jobs.example.com"], "jobs.example.com:443"));
        assert!(!is_own(&["https://jobs.example.com"], "evil.example"));
        assert!(is_own(&["*"], "evil.example"));
    }

    #[test]
    fn a_foreign_page_may_not_unless_it_is_allowed() {
        let foreign = [("host", "127.0.0.1:5000"), ("origin", "https://evil.example")];
        assert!(!allows(&[], &foreign));
        assert!(!allows(&["https://app.example"], &foreign));
        assert!(allows(&["https://app.example", "https://evil.example"], &foreign));
        assert!(allows(&["*"], &foreign));
        for origin in [
            "null",
            "http://127.0.0.1:5001",
            "file://",
            "https://127.0.0.1:5000.evil.example",
        ] {
            assert!(
                !allows(&[], &[("host", "127.0.0.1:5000"), ("origin", origin)]),
                "{origin}"
            );
        }
        assert!(!allows(
            &[],
            &[("host", "a"), ("origin", "http://a"), ("origin", "http://evil")]
        ));
        assert!(!allows(&[], &[("host", "a"), ("sec-fetch-site", "cross-site")]));
    }
}
