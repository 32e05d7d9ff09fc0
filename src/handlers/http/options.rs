//! How an endpoint is called, as somebody configured it, and what can be wrong with that.

use reqwest::Url;
use reqwest::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};

use crate::domain::webhooks::endpoint::{InvalidSecret, SigningSecret};

/// How an endpoint is called.
#[derive(Clone)]
pub struct HttpHandlerOptions {
    /// Its address, `http` or `https`.
    pub url: String,
    /// What requests are signed with; without one they are not signed.
    pub secret: Option<String>,
    /// Headers that every request has besides those that the protocol asks for, such as `Authorization`.
    pub headers: Vec<(String, String)>,
    /// The statuses, of 400 to 599, after which the job has failed whatever retries it has left; unless given, all of 4xx
    /// but 408, 425 and 429.
    pub permanent_statuses: Option<Vec<u16>>,
}

/// What is wrong with the options. No text shows a secret: not the address's user and password, not a header's value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHttpHandler {
    /// The address is none.
    #[error("url: it is not an address ({cause}); write it as https://example.com/path")]
    Url {
        /// What is wrong with it.
        cause: String,
    },
    /// The address is for another protocol.
    #[error("url: '{scheme}' addresses can't be called; allowed are http and https")]
    Scheme {
        /// The protocol.
        scheme: String,
    },
    /// The address holds a user name or a password, which would show up in logs.
    #[error("url: it must not hold a user name or password; write them as an Authorization header")]
    UserInfo,
    /// An empty secret signs nothing that could be trusted.
    #[error("secret: it must not be empty; leave it out to call without a signature")]
    EmptySecret,
    /// Receivers could not verify what it signs.
    #[error("secret: it {cause}")]
    Secret {
        /// What is wrong with it.
        cause: InvalidSecret,
    },
    /// A header that HTTP does not allow.
    #[error("headers: '{name}' has a name or value that HTTP does not allow")]
    Header {
        /// Its name.
        name: String,
    },
    /// A header that the handler sets itself.
    #[error("headers: '{name}' is set by the server")]
    ReservedHeader {
        /// Its name.
        name: String,
    },
    /// The address is `https`, and the system has no certificates to know its owner by.
    #[error("url: https needs the certificates of the system, and there are none ({cause}); install ca-certificates")]
    NoCertificates {
        /// What was found instead.
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
    fn an_address_is_refused_without_showing_its_password() {
        let error = |url| options(url).parse_url().unwrap_err().to_string();
        assert_eq!(
            error("example.com/x"),
            "url: it is not an address (relative URL without a base); write it as https://example.com/path"
        );
        assert_eq!(
            error("ftp://example.com"),
            "url: 'ftp' addresses can't be called; allowed are http and https"
        );
        assert!(!error("http://me:pass@example.com").contains("pass@"));
        assert!(!error("http://me:pass@").contains("pass@"));
    }

    #[test]
    fn an_empty_or_short_secret_is_refused() {
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
    fn headers_that_http_refuses_or_the_server_sets_are_refused() {
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
