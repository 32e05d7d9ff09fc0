//! The HTTP client that all handlers share.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, RequestBuilder, Url, redirect};
use rustls::crypto::{CryptoProvider, ring};

/// How long a connection may take to open. What an answer may take is the job's own timeout.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept. Many servers close theirs after five seconds, and a request that meets the
/// closing is lost.
const IDLE_WAIT: Duration = Duration::from_secs(4);

/// The client: no redirects, no proxy from the environment, the system's certificates. Copies share its connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client,
    /// Why it trusts no certificate, when it does not.
    untrusting: Option<Arc<str>>,
}

/// The client can't be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client can't be made: {cause}")]
pub struct HttpClientError {
    /// What the library said.
    cause: String,
}

impl HttpClient {
    /// A client with no connections. On a system without certificates it can call `http` addresses only.
    pub fn new() -> Result<Self, HttpClientError> {
        if CryptoProvider::get_default().is_none() {
            // Somebody else may have installed one in between, which is as good.
            let _ = ring::default_provider().install_default();
        }
        let (client, untrusting) = match builder().build() {
            Ok(client) => (client, None),
            Err(error) => {
                let client = builder().tls_certs_only([]).build().map_err(|error| HttpClientError {
                    cause: root_cause(&error),
                })?;
                (client, Some(Arc::from(root_cause(&error))))
            }
        };
        Ok(Self { client, untrusting })
    }

    /// Why no `https` address can be called, if none can.
    pub(super) fn untrusting(&self) -> Option<&str> {
        self.untrusting.as_deref()
    }

    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("TickerQ/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_WAIT)
        .pool_idle_timeout(IDLE_WAIT)
}

/// What went wrong in the end, in words for people. The outer errors only say that something did, and repeat the URL.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    if error.is_connect() && error.is_timeout() {
        return format!("no connection within {} s", CONNECT_WAIT.as_secs());
    }
    let Some(root) = std::iter::successors(error.source(), |&cause| cause.source()).last() else {
        return "the request failed".to_owned();
    };
    match root.downcast_ref::<io::Error>() {
        // An error of the system, which would add its number: "connection refused" says it.
        Some(error) if error.raw_os_error().is_some() => error.kind().to_string(),
        _ => root.to_string(),
    }
}
