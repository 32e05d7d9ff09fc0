//! The HTTP client that speaks to endpoints of other people, and connects only where it may.
//!
//! A name is resolved once, by the client's own resolver, which drops the addresses that the [`Reach`] leaves out; the
//! connection is made to one of the others. So a name that answers one thing when it is looked at and another when it is
//! connected to gains nothing. An address that stands in the URL itself is never resolved, and is looked at before.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::ACCEPT_ENCODING;
use reqwest::{Client, ClientBuilder, RequestBuilder, Url, redirect};
use rustls::crypto::{CryptoProvider, ring};

use super::egress_policy::{OutOfReach, Reach};

/// How long a connection may take to open. What an answer may take is the job's own timeout.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept. Many servers close theirs after five seconds, and a request that meets the
/// closing is lost.
const IDLE_WAIT: Duration = Duration::from_secs(4);

/// The client: no redirects, no proxy from the environment, the system's certificates. Copies share its connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client,
    reach: Reach,
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
    /// A client with no connections that may connect to these addresses. On a system without certificates it can call
    /// `http` addresses only.
    pub fn new(reach: Reach) -> Result<Self, HttpClientError> {
        if CryptoProvider::get_default().is_none() {
            // Somebody else may have installed one in between, which is as good.
            let _ = ring::default_provider().install_default();
        }
        let (client, untrusting) = match builder(reach).build() {
            Ok(client) => (client, None),
            Err(error) => {
                let client = builder(reach)
                    .tls_certs_only([])
                    .build()
                    .map_err(|error| HttpClientError {
                        cause: root_cause(&error),
                    })?;
                (client, Some(Arc::from(root_cause(&error))))
            }
        };
        Ok(Self {
            client,
            reach,
            untrusting,
        })
    }

    /// Why no `https` address can be called, if none can.
    pub(crate) fn untrusting(&self) -> Option<&str> {
        self.untrusting.as_deref()
    }

    /// A request to this address, if it may be connected to. Answers are read as they come: no encoding is decoded.
    pub(crate) fn post(&self, url: Url) -> Result<RequestBuilder, OutOfReach> {
        self.check(&url)?;
        Ok(self.client.post(url).header(ACCEPT_ENCODING, "identity"))
    }

    /// Says whether an address may be connected to that needs no resolving; any other is looked at when it is resolved.
    pub fn check(&self, url: &Url) -> Result<(), OutOfReach> {
        self.reach.check_url(url)
    }
}

/// Resolves names to the addresses within reach.
struct GuardedResolver(Reach);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut refused = None;
            let mut allowed = Vec::with_capacity(found.len());
            for address in found {
                match reach.check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(out_of_reach) => refused = Some(out_of_reach),
                }
            }
            match (allowed.is_empty(), refused) {
                (true, Some(out_of_reach)) => Err(out_of_reach.into()),
                (_, _) => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

fn builder(reach: Reach) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("TickerQ/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(GuardedResolver(reach)))
        .connect_timeout(CONNECT_WAIT)
        .pool_idle_timeout(IDLE_WAIT)
}

/// What went wrong in the end, in words for people. The outer errors only say that something did, and repeat the URL.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
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
