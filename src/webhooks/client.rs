//! The HTTP client for addresses that callers choose, with an egress policy.
//!
//! A name is resolved once, by the client's own resolver, which drops the addresses that the [`EgressPolicy`] excludes; the
//! client connects to one of the others. So a name that resolves differently for the check and for the connection gains
//! nothing. A literal address in the URL is never resolved, and is checked before.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::ACCEPT_ENCODING;
use reqwest::{Client, ClientBuilder, RequestBuilder, Url, redirect};
use rustls::crypto::{CryptoProvider, ring};

use super::egress_policy::{BlockedAddress, EgressPolicy};

/// Timeout of opening a connection. The response has the job's own timeout.
const CONNECT_WAIT: Duration = Duration::from_secs(10);

/// Maximum idle time of a connection. Many servers close theirs after five seconds, and a request at that moment is
/// lost.
const IDLE_WAIT: Duration = Duration::from_secs(4);

/// The client: no redirects, no proxy from the environment, the system's root certificates. Clones share its
/// connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client,
    policy: EgressPolicy,
    /// Reason why it has no root certificates, if so.
    certificate_error: Option<Arc<str>>,
}

/// The client can't be created.
#[derive(Debug, thiserror::Error)]
#[error("failed to create the HTTP client: {cause}")]
pub struct HttpClientError {
    /// Cause.
    cause: String,
}

impl HttpClient {
    /// A client without connections, with an egress policy. Without root certificates it can only call `http`
    /// addresses.
    pub fn new(policy: EgressPolicy) -> Result<Self, HttpClientError> {
        if CryptoProvider::get_default().is_none() {
            // Another part of the program may have installed one first, which is sufficient.
            let _ = ring::default_provider().install_default();
        }
        let (client, certificate_error) = match builder(policy).build() {
            Ok(client) => (client, None),
            Err(error) => {
                let client = builder(policy)
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
            policy,
            certificate_error,
        })
    }

    /// Reason why no `https` address can be called, if so.
    pub(crate) fn certificate_error(&self) -> Option<&str> {
        self.certificate_error.as_deref()
    }

    /// A request to this address, if the policy allows it. Responses are not decompressed.
    pub(crate) fn post(&self, url: Url) -> Result<RequestBuilder, BlockedAddress> {
        self.check(&url)?;
        Ok(self.client.post(url).header(ACCEPT_ENCODING, "identity"))
    }

    /// Checks a literal address; names are checked when they are resolved.
    pub fn check(&self, url: &Url) -> Result<(), BlockedAddress> {
        self.policy.check_url(url)
    }
}

/// Resolves names to the addresses that the policy allows.
struct GuardedResolver(EgressPolicy);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let mut refused = None;
            let mut allowed = Vec::with_capacity(found.len());
            for address in found {
                match policy.check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(blocked) => refused = Some(blocked),
                }
            }
            match (allowed.is_empty(), refused) {
                (true, Some(blocked)) => Err(blocked.into()),
                (_, _) => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

fn builder(policy: EgressPolicy) -> ClientBuilder {
    Client::builder()
        .user_agent(concat!("TickerQ/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .no_proxy()
        .dns_resolver(Arc::new(GuardedResolver(policy)))
        .connect_timeout(CONNECT_WAIT)
        .pool_idle_timeout(IDLE_WAIT)
}

/// The innermost cause. The outer errors are generic, and repeat the URL.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    if error.is_connect() && error.is_timeout() {
        return format!("no connection within {} s", CONNECT_WAIT.as_secs());
    }
    let Some(root) = std::iter::successors(error.source(), |&cause| cause.source()).last() else {
        return "the request failed".to_owned();
    };
    match root.downcast_ref::<io::Error>() {
        // The system's own text would add its error number.
        Some(error) if error.raw_os_error().is_some() => error.kind().to_string(),
        _ => root.to_string(),
    }
}
