//! Options of HTTP handlers, and their validation.

use reqwest::Url;
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

use crate::domain::webhooks::endpoint::{InvalidSecret, SigningSecret};

/// Options of an HTTP handler.
#[derive(Clone)]
pub(crate) struct HttpHandlerOptions {
    /// Address, `http` or `https`.
    pub url: String,
    /// Secret that signs requests; without it they are not signed.
    pub secret: Option<String>,
    /// Headers of every request in addition to those of the protocol, such as `Authorization`.
    pub headers: Vec<(String, String)>,
    /// Statuses, of 400 to 599, that fail the job permanently; by default all of 4xx but 408, 425 and 429.
    pub permanent_statuses: Option<Vec<u16>>,
}

/// The options are invalid. No message contains a secret: no user information of the address, no value of a header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHttpHandler {
    /// The address is invalid.
    #[error("url: it is not a URL ({cause}); write it as https://example.com/path")]
    Url {
        /// Cause.
        cause: String,
    },
    /// The protocol is not supported.
    #[error("url: it begins with {scheme}:; it must begin with http:// or https://")]
    Scheme {
        /// The protocol.
        scheme: String,
    },
    /// The address contains credentials, which would appear in logs.
    #[error("url: it must not contain credentials; write them as an Authorization header")]
    UserInfo,
    /// The secret is empty.
    #[error("secret: it must not be empty; omit it to call without a signature")]
    EmptySecret,
    /// Receivers could not verify signatures by this secret.
    #[error("secret: it {cause}")]
    Secret {
        /// Cause.
        cause: InvalidSecret,
    },
    /// A header is invalid in HTTP.
    #[error("headers: '{name}' has a name or value that HTTP does not allow")]
    Header {
        /// Name of the header.
        name: String,
    },
    /// A header is set by the handler itself.
    #[error("headers: '{name}' is set by the server")]
    ReservedHeader {
        /// Name of the header.
        name: String,
    },
    /// The address is `https`, and the system has no root certificates.
    #[error("url: https needs root certificates, and the system has none ({cause}); install ca-certificates")]
    NoCertificates {
        /// Cause.
        cause: String,
    },
}

impl HttpHandlerOptions {
    pub(super) fn parse_url(&self) -> Result<Url, InvalidHttpHandler> {
        let url = Url::parse(&self.url).map_err(|error| InvalidHttpHandler::Url {
            cause: error.to_string(),
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(InvalidHttpHandler::Scheme {
                scheme: url.scheme().to_owned(),
            });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidHttpHandler::UserInfo);
        }
        Ok(url)
    }

    pub(super) fn parse_secret(&self) -> Result<Option<SigningSecret>, InvalidHttpHandler> {
        match &self.secret {
            Some(secret) if secret.is_empty() => Err(InvalidHttpHandler::EmptySecret),
            Some(secret) => SigningSecret::parse(secret)
                .map(Some)
                .map_err(|cause| InvalidHttpHandler::Secret { cause }),
            None => Ok(None),
        }
    }

    pub(super) fn parse_headers(&self) -> Result<HeaderMap, InvalidHttpHandler> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let invalid = || InvalidHttpHandler::Header { name: name.clone() };
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            if is_reserved(&header) {
                return Err(InvalidHttpHandler::ReservedHeader { name: name.clone() });
            }
            let mut value = HeaderValue::from_str(value).map_err(|_| invalid())?;
            value.set_sensitive(true);
            headers.append(header, value);
        }
        Ok(headers)
    }
}

fn is_reserved(name: &HeaderName) -> bool {
    [CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING].contains(name)
        || name.as_str().starts_with("x-tickerq-")
        || name.as_str().starts_with("webhook-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> HttpHandlerOptions {
        HttpHandlerOptions {
            url: url.to_owned(),
            secret: None,
            headers: Vec::new(),
            permanent_statuses: None,
        }
    }

    #[test]
    fn an_invalid_url_is_rejected_without_showing_its_password() {
        let error = |url| options(url).parse_url().unwrap_err().to_string();
        assert_eq!(
            error("example.com/x"),
            "url: it is not a URL (relative URL without a base); write it as https://example.com/path"
        );
        assert_eq!(
            error("ftp://example.com"),
            "url: it begins with ftp:; it must begin with http:// or https://"
        );
        assert!(!error("http://me:pass@example.com").contains("pass@"));
        assert!(!error("http://me:pass@").contains("pass@"));
    }

    #[test]
    fn an_empty_or_short_secret_is_rejected() {
        let secret = |secret: &str| {
            HttpHandlerOptions {
                secret: Some(secret.to_owned()),
                ..options("http://x")
            }
            .parse_secret()
        };
        assert_eq!(secret(""), Err(InvalidHttpHandler::EmptySecret));
        let cause = InvalidSecret::Length { bytes: 1 };
        assert_eq!(secret("s"), Err(InvalidHttpHandler::Secret { cause }));
        assert_eq!(
            secret("a shared secret"),
            Ok(Some(SigningSecret::new("a shared secret")))
        );
        let cause = InvalidSecret::Base64;
        assert_eq!(secret("whsec_?"), Err(InvalidHttpHandler::Secret { cause }));
    }

    #[test]
    fn invalid_and_reserved_headers_are_rejected() {
        let headers = |name: &str, value: &str| {
            HttpHandlerOptions {
                headers: vec![(name.to_owned(), value.to_owned())],
                ..options("http://x")
            }
            .parse_headers()
        };
        assert!(headers("Authorization", "Bearer x").is_ok());
        for (name, value) in [("a b", "x"), ("", "x"), ("A", "x\r\nB: y")] {
            assert_eq!(
                headers(name, value),
                Err(InvalidHttpHandler::Header { name: name.to_owned() })
            );
        }
        for name in ["X-TickerQ-Signature", "Webhook-Id", "content-type", "Content-Length"] {
            assert_eq!(
                headers(name, "x"),
                Err(InvalidHttpHandler::ReservedHeader { name: name.to_owned() })
            );
        }
    }
}
