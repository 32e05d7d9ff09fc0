//! `[server]`: where the server listens, and what it takes from one request.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;

use super::byte_size::ByteSize;
use super::entry::Value;
use super::not_yet;
use super::section::Section;
use super::setting::{DURATION_MAX, Setting, Wrong, between};
use crate::domain::time_span::TimeSpan;

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// The addresses it listens on; at least one, no two the same.
    pub listen: Vec<SocketAddr>,
    /// How long running jobs may take to end when the server stops.
    pub shutdown_grace: TimeSpan,
    /// The greatest body of a request.
    pub request_body_bytes_max: usize,
    /// The greatest body of a request that creates many jobs.
    pub batch_body_bytes_max: usize,
    /// How long an idle connection is kept; zero closes each after its answer.
    pub keep_alive: TimeSpan,
    /// How many threads answer requests.
    pub http_workers: NonZeroUsize,
}

impl ServerConfig {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let default_listen = Listen(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 5000))]);
        let Listen(listen) = section.get_if("listen", default_listen, Listen::check);
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let cores = u32::try_from(cores)
            .unwrap_or(HTTP_WORKERS_MAX)
            .clamp(1, HTTP_WORKERS_MAX);
        let body_sizes = || between(ByteSize::kib(1), ByteSize::mib(1024));
        let config = Self {
            listen,
            shutdown_grace: section.get_if(
                "shutdown_grace",
                TimeSpan::from_secs(30),
                between(TimeSpan::ZERO, DURATION_MAX),
            ),
            request_body_bytes_max: section
                .get_if("request_body_bytes_max", ByteSize::mib(4), body_sizes())
                .as_usize(),
            batch_body_bytes_max: section
                .get_if("batch_body_bytes_max", ByteSize::mib(32), body_sizes())
                .as_usize(),
            keep_alive: section.get_if(
                "keep_alive",
                TimeSpan::from_secs(75),
                between(TimeSpan::ZERO, TimeSpan::from_secs(3600)),
            ),
            http_workers: usize::try_from(section.get_if("http_workers", cores, between(1, HTTP_WORKERS_MAX)))
                .ok()
                .and_then(NonZeroUsize::new)
                .unwrap_or(NonZeroUsize::MIN),
        };
        not_yet::refuse_cors(section);
        config
    }
}

const HTTP_WORKERS_MAX: u32 = 1024;

/// One address, or a list of them.
struct Listen(Vec<SocketAddr>);

impl Listen {
    fn check(&self) -> Result<(), String> {
        let Self(addresses) = self;
        if addresses.is_empty() {
            return Err("at least one address is needed".to_owned());
        }
        for (index, address) in addresses.iter().enumerate() {
            not_yet::refuse_open_address(address)?;
            // Port 0 is a free port of the system's choice: a different one each time.
            if address.port() != 0 && addresses.iter().skip(index + 1).any(|other| other == address) {
                return Err(format!("{address} is there twice"));
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
