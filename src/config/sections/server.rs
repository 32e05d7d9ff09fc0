//! `[server]`: the listener and the limits of requests.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

use reqwest::Url;

use crate::api::auth::AllowedOrigins;
use crate::config::loader::byte_size::ByteSize;
use crate::config::loader::section::{Findings, Section};
use crate::config::loader::source::Source;
use crate::config::loader::typed_value::{DURATION_MAX, Setting, Wrong, between};
use crate::config::loader::value::{Table, Value};
use crate::domain::access::ip_network::IpNetwork;
use crate::domain::values::time_span::TimeSpan;

/// `[server]`: the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The addresses to listen on; at least one, all distinct.
    pub listen: Vec<SocketAddr>,
    /// Time that running jobs have to finish during a shutdown.
    pub shutdown_grace: TimeSpan,
    /// Maximum idle time of a connection; zero closes each after its response.
    pub keep_alive: TimeSpan,
    /// Maximum number of connections; by default it follows from the limit of open files.
    pub max_connections: Option<usize>,
    /// Maximum number of connections per address; by default half of all. Trusted proxies have none.
    pub max_connections_per_address: Option<usize>,
    /// Number of threads that serve requests.
    pub http_workers: NonZeroUsize,
}

/// `[server]`: the keys that are options of the API.
pub(crate) struct RequestSettings {
    /// Maximum body of a request.
    pub(crate) max_request_body: usize,
    /// Maximum body of a request that creates many jobs.
    pub(crate) max_batch_body: usize,
    /// Maximum response to a request for a list over REST.
    pub(crate) max_response: usize,
    /// Memory budget of all responses that are being built and sent.
    pub(crate) max_response_memory: usize,
    /// Memory budget of all bodies that are being received.
    pub(crate) max_body_memory: usize,
    /// The origins whose pages may call from a browser: `https://app.example.com`, or `*` alone for all, which then can't
    /// send credentials of their own.
    pub(crate) cors_origins: Vec<String>,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub(crate) trusted_proxies: Vec<IpNetwork>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let (server, _) = Self::read(&mut Section::root(&Table::default(), &mut Findings::default()));
        server
    }
}

impl ServerConfig {
    pub(crate) fn read(section: &mut Section<'_>) -> (Self, RequestSettings) {
        let default_listen = Listen(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 5000))]);
        let Listen(listen) = section.get_if("listen", default_listen, Listen::check);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let cores = u32::try_from(cores)
            .unwrap_or(HTTP_WORKERS_MAX)
            .clamp(1, HTTP_WORKERS_MAX);
        let body_sizes = || between(ByteSize::kib(1), ByteSize::mib(1024));
        let memory_sizes = || between(ByteSize::mib(1), ByteSize::mib(1 << 20));
        let shutdown_grace = section.get_if(
            "shutdown_grace",
            TimeSpan::from_secs(30),
            between(TimeSpan::ZERO, DURATION_MAX),
        );
        let request_body = section.get_if("max_request_body", ByteSize::mib(4), body_sizes());
        let batch_body = section.get_if("max_batch_body", ByteSize::mib(32), body_sizes());
        let largest_body = request_body.max(batch_body);
        let max_response = section.get_if(
            "max_response",
            ByteSize::mib(16),
            between(ByteSize::kib(64), ByteSize::mib(1024)),
        );
        let memory_for = |most: ByteSize| ByteSize::mib(256).max(ByteSize::bytes(most.as_u64().saturating_mul(4)));
        let max_response_memory = section.get_if("max_response_memory", memory_for(max_response), memory_sizes());
        let max_body_memory = section.get_if("max_body_memory", memory_for(largest_body), memory_sizes());
        // A smaller budget would always reject the largest request.
        for (key, memory, needed, most) in [
            ("max_response_memory", max_response_memory, "max_response", max_response),
            ("max_body_memory", max_body_memory, "the largest body", largest_body),
        ] {
            if memory < most {
                let source = section.source().clone();
                section.error(&source, key, format!("{memory} is less than {needed} may have, {most}"));
            }
        }
        let server = Self {
            listen,
            shutdown_grace,
            keep_alive: section.get_if(
                "keep_alive",
                TimeSpan::from_secs(75),
                between(TimeSpan::ZERO, TimeSpan::from_secs(3600)),
            ),
            max_connections: optional_count(section, "max_connections"),
            max_connections_per_address: optional_count(section, "max_connections_per_address"),
            http_workers: usize::try_from(section.get_if("http_workers", cores, between(1, HTTP_WORKERS_MAX)))
                .ok()
                .and_then(NonZeroUsize::new)
                .unwrap_or(NonZeroUsize::MIN),
        };
        let requests = RequestSettings {
            max_request_body: request_body.as_usize(),
            max_batch_body: batch_body.as_usize(),
            max_response: max_response.as_usize(),
            max_response_memory: max_response_memory.as_usize(),
            max_body_memory: max_body_memory.as_usize(),
            cors_origins: section.get_if("cors_origins", Vec::new(), |origins: &Vec<String>| {
                check_origins(origins)
            }),
            trusted_proxies: section.get("trusted_proxies", Vec::new()),
        };
        (server, requests)
    }
}

fn optional_count(section: &mut Section<'_>, key: &'static str) -> Option<usize> {
    let count: Option<u32> = section.optional_if(key, between(1, CONNECTIONS_MAX));
    count.map(|count| usize::try_from(count).unwrap_or(usize::MAX))
}

/// Rejects addresses that are reachable from other machines if callers are not authenticated.
pub(crate) fn refuse_open_addresses(root: &mut Section<'_>, server: &ServerConfig, is_switched_off: bool) {
    let Some(source) = source_of(root, "listen") else {
        return;
    };
    for address in server.listen.iter().filter(|address| is_open(address)) {
        root.error(&source, "server.listen", open_address(address, is_switched_off));
    }
}

/// The error of `*` in `cors_origins` without authentication.
pub(crate) const ANY_ORIGIN: &str = "\"*\" needs authentication ([[api.keys]] or [api.jwt]); name the origins that may call, such as https://app.example.com";

/// Rejects pages of every origin if callers are not authenticated: any page in a browser of this machine could then
/// call the API.
pub(crate) fn refuse_any_origin(root: &mut Section<'_>, origins: &AllowedOrigins) {
    if !origins.are_any() {
        return;
    }
    if let Some(source) = source_of(root, "cors_origins") {
        root.error(&source, "server.cors_origins", ANY_ORIGIN);
    }
}

/// The source of a key of `[server]`.
fn source_of(root: &mut Section<'_>, key: &str) -> Option<Source> {
    root.entry("server").and_then(|entry| match entry.value.typed() {
        Value::Table(table) => table.get(key).map(|entry| entry.source.clone()),
        Value::String(_)
        | Value::Text { .. }
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_) => None,
    })
}

/// `true` if the address is reachable from other machines.
pub(crate) fn is_open(address: &SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// The error of an address that is reachable from other machines without authentication.
pub(crate) fn open_address(address: &SocketAddr, is_switched_off: bool) -> String {
    let port = address.port();
    let remedy = if is_switched_off {
        "remove api.require_authentication = false"
    } else {
        "configure [[api.keys]] (`tickerq key generate` prints a key and its settings) or [api.jwt]"
    };
    format!(
        "{address} is reachable from other machines, but authentication is disabled; {remedy}, or listen on \
         127.0.0.1:{port} or [::1]:{port}, which only this machine can reach"
    )
}

/// Origins as browsers send them (RFC 6454): a scheme, a host, and a port that is not the scheme's own.
fn check_origins(origins: &[String]) -> Result<(), String> {
    if origins.iter().any(|origin| origin == "*") && origins.len() > 1 {
        return Err("\"*\" must be the only origin".to_owned());
    }
    match origins.iter().find(|origin| *origin != "*" && !is_origin(origin)) {
        Some(origin) => Err(format!(
            "'{origin}' is not an origin; write it as browsers send it, https://app.example.com: in lower case, with its \
             port if that is not the usual one, nothing after it"
        )),
        None => Ok(()),
    }
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else {
        return false;
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '+' | '-' | '.'));
    let is_authority = !authority.is_empty()
        && authority
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | ':' | '[' | ']' | '_'));
    // Browsers send the canonical form: without the scheme's default port, and with the usual spelling of addresses.
    let is_canonical = || Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == text);
    is_scheme && is_authority && (!matches!(scheme, "http" | "https") || is_canonical())
}

const HTTP_WORKERS_MAX: u32 = 1024;
const CONNECTIONS_MAX: u32 = 10_000_000;

/// One address, or a list of them.
struct Listen(Vec<SocketAddr>);

impl Listen {
    fn check(&self) -> Result<(), String> {
        let Self(addresses) = self;
        if addresses.is_empty() {
            return Err("at least one address is needed".to_owned());
        }
        for (index, address) in addresses.iter().enumerate() {
            // Port 0 is a free port that the system selects: a different one each time.
            if address.port() != 0 && addresses.iter().skip(index + 1).any(|other| other == address) {
                return Err(format!("{address} is duplicated"));
            }
        }
        Ok(())
    }
}

impl Setting for Listen {
    fn read(value: &Value) -> Result<Self, Wrong> {
        match value.typed() {
            Value::Array(_) => Vec::read(value).map(Self),
            Value::String(_)
            | Value::Text { .. }
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Table(_) => SocketAddr::read(value).map(|address| Self(vec![address])),
        }
    }

    fn show(&self) -> String {
        self.0.show()
    }
}

#[cfg(test)]
mod tests {
    use super::{is_open, is_origin};

    #[test]
    fn an_origin_is_what_browsers_send() {
        for origin in [
            "https://app.example.com",
            "http://localhost:3000",
            "http://[::1]:8080",
            "tauri://localhost",
            "chrome-extension://abcdef",
        ] {
            assert!(is_origin(origin), "{origin} was refused");
        }
        for text in [
            "",
            "null",
            "app.example.com",
            "https://app.example.com/",
            "https://App.example.com",
            "https://app.example.com:443",
            "http://a:80",
            "https://*.example.com",
            "https://user@host",
            "https://",
            "https://:8080",
            "https://a:",
            "https://a:99999",
            "https://a:08443",
            "https://2130706433",
            "https://127.1",
            "https://[::1",
            "https://a b",
            "https://münchen.example",
            "https:a",
            "http://*",
            "*.",
            "null://",
        ] {
            assert!(!is_origin(text), "{text} was accepted");
        }
    }

    #[test]
    fn only_loopback_is_closed() {
        for address in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(!is_open(&address.parse().expect("an address")), "{address}");
        }
        for address in ["0.0.0.0:1", "[::]:1", "192.168.1.1:1", "[::ffff:10.0.0.1]:1"] {
            assert!(is_open(&address.parse().expect("an address")), "{address}");
        }
    }
}
