//! Whether a page in a browser may do what it asks for.
//!
//! CORS keeps a foreign page from reading answers. It does not keep it from opening a WebSocket, nor from a simple `POST`:
//! where no token is asked for, the browser's place in the network would be all that the page needs.

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderMap, ORIGIN};

/// The origins whose pages may call, beside the server's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedOrigins(pub Vec<String>);

impl AllowedOrigins {
    /// Whether a request may come from the page that it comes from. What comes from no page may always.
    pub fn allow(&self, request: &HttpRequest) -> bool {
        self.allow_headers(request.headers())
    }

    fn allow_headers(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(ORIGIN);
        let Some(origin) = origins.next() else {
            // A browser tells where a request comes from, even when it leaves out the origin.
            return !matches!(text(headers, "sec-fetch-site"), Some("cross-site" | "same-site"));
        };
        let Ok(origin) = origin.to_str() else { return false };
        if origins.next().is_some() {
            return false;
        }
        let Self(allowed) = self;
        // The browser itself says that the page is the server's own, whatever a proxy has made of the host.
        text(headers, "sec-fetch-site") == Some("same-origin")
            || allowed.iter().any(|allowed| allowed == "*" || allowed == origin)
            || is_own(origin, headers)
    }
}

/// Whether a page's origin is the host that was asked.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let Some(host) = text(headers, HOST.as_str()) else {
        return false;
    };
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
