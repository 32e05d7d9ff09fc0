//! A server with its own HTTP server.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_http::error::DispatchError;
use actix_service::{IntoServiceFactory, ServiceFactoryExt, fn_service, map_config};
use actix_web::App;
use actix_web::dev::{AppConfig, ServerHandle};
use actix_web::middleware::{Condition, from_fn};
use actix_web::rt::net::TcpStream;
use serde::Serialize;
use tracing::info;

use super::connection::{Connection, PlaceLimits, Places, RESERVE};
use super::embedded::Embedded;
use super::error::ServerError;
use super::options::ServerOptions;
use super::system_thread::SystemThread;
use super::{connection, open_files, socket};
use crate::api::auth::AllowedOrigins;
use crate::api::middleware::access_log;
use crate::api::middleware::request_metrics;
use crate::api::middleware::security_headers;
use crate::api::rest;
use crate::config::sections::server::is_open;
use crate::domain::job::Job;
use crate::runtime::RuntimeHandle;
use crate::service::jobs::Jobs;
use crate::service::jobs::job_request::JobRequestError;
use crate::service::queues::Queues;
use crate::service::recurring::Recurring;
use crate::storage::repository::JobRepository;

/// Number of connections that are accepted before a worker handles them.
const ACCEPTED_AHEAD: usize = 16;

/// A running server.
pub struct Server {
    addresses: Vec<SocketAddr>,
    embedded: Embedded,
    http: ServerHandle,
    /// The thread of the server if the program has no actix system.
    pub(super) system: Option<SystemThread>,
}

impl Server {
    /// Starts a server over this storage. Needs a running actix system.
    // For benchmarks; programs use the builder.
    #[doc(hidden)]
    pub async fn start(repository: Arc<dyn JobRepository>, options: ServerOptions) -> Result<Self, ServerError> {
        let server = options.server.clone();
        let keep_alive = server.keep_alive.to_std();
        let trusted_proxies = options.auth.trusted_proxies.clone();
        let exposition = options.prometheus.as_ref().map(|prometheus| prometheus.path.clone());
        let open_files = open_files::raise_limit();
        if let Some(address) = server.listen.iter().find(|address| is_open(address))
            && !options.auth.is_required
        {
            return Err(ServerError::Open { address: *address });
        }
        // Listens first, so that an occupied port is found before anything is started; no request is served until the
        // end.
        let mut listeners = Vec::with_capacity(server.listen.len());
        let mut addresses = Vec::with_capacity(server.listen.len());
        for address in server.listen {
            let failed = |cause| ServerError::Listen { address, cause };
            let listener = TcpListener::bind(address).map_err(failed)?;
            addresses.push(listener.local_addr().map_err(failed)?);
            listeners.push(listener);
        }
        let embedded = Embedded::start(repository, options).await?;
        let facades = embedded.facades();
        let workers = server.http_workers.get();
        // Connections in the reserve, evicted ones, and accepted ones that no worker handles yet.
        let beside = 2 * RESERVE + ACCEPTED_AHEAD + workers;
        let connections = open_files.connections_max(server.max_connections, beside);
        let places = {
            let per_address = server.max_connections_per_address.unwrap_or(connections.div_ceil(2));
            let per_address = per_address.min(connections);
            let limits = PlaceLimits {
                connections,
                per_address,
            };
            facades.connections.set_limits(connections, open_files.max);
            let files = open_files.to_string();
            info!("{files}; at most {connections} connections, {per_address} of one address");
            let health_paths = ["/healthz", "/readyz"].map(str::to_owned);
            let health_paths = health_paths.into_iter().chain(exposition).collect();
            Places::new(limits, trusted_proxies, health_paths, facades.connections.clone())
        };
        let app = move || {
            let response_headers = Rc::new(facades.response_headers);
            let AllowedOrigins(named) = &facades.origins;
            let requests = facades.requests.clone().unwrap_or_default();
            App::new()
                .configure(|routes| facades.configure(routes))
                .configure(|routes| facades.configure_root(routes))
                .configure(rest::configure_unknown)
                .wrap({
                    let authenticator = facades.rest.authenticator.clone();
                    from_fn(move |request, next| connection::respond_to_refused(authenticator.clone(), request, next))
                })
                .wrap(from_fn(move |request, next| {
                    security_headers::mark(Rc::clone(&response_headers), request, next)
                }))
                // The last is the outermost: a preflight stops there.
                .wrap(Condition::new(
                    !named.is_empty(),
                    security_headers::cors(&facades.origins),
                ))
                .wrap(Condition::new(
                    facades.requests.is_some(),
                    from_fn(move |request, next| request_metrics::count(requests.clone(), request, next)),
                ))
                .wrap({
                    let access = facades.access.clone();
                    from_fn(move |request, next| access_log::write(access.clone(), request, next))
                })
                .wrap(from_fn(connection::mark_responded))
        };
        let mut http = actix_web::dev::Server::build()
            .workers(workers)
            // The limit is that of places, whose overflow gets a response. This one only prevents a burst from taking
            // all files before a worker handles it.
            .max_concurrent_connections((connections + beside).div_ceil(workers))
            // Running jobs have their own grace period; requests are short.
            .shutdown_timeout(5)
            .disable_signals();
        let draining = http.graceful_shutdown_signal();
        for (listener, address) in listeners.into_iter().zip(&addresses) {
            let (app, draining, local) = (app.clone(), draining.clone(), *address);
            let places = places.clone();
            let service = move || {
                let draining = draining.clone();
                let app = app().into_factory();
                let app = app.map_err(|error: actix_web::Error| error.error_response());
                let http = HttpService::build()
                    .graceful_shutdown_signal(move || {
                        let draining = draining.clone();
                        async move { draining.notified().await }
                    })
                    .keep_alive(keep_alive)
                    // The connection itself supervises the timeout of heads.
                    .client_request_timeout(Duration::ZERO)
                    .client_disconnect_timeout(Duration::from_secs(1))
                    // A client that closes its half of a connection is treated as gone, as proxies do: a stream or a
                    // long poll ends then instead of at a missing second ping.
                    .h1_allow_half_closed(false)
                    .local_addr(local)
                    .on_connect_ext(|connection: &Connection<TcpStream>, data| {
                        data.insert(connection.shared());
                    })
                    .h1(map_config(app, |()| AppConfig::default()));
                let places = places.clone();
                fn_service(move |stream: TcpStream| {
                    let client = stream.peer_addr().ok();
                    let place = places.enter(client.map(|client| client.ip()));
                    async move {
                        let Some(place) = place else {
                            socket::refuse(&stream);
                            return Err(DispatchError::DisconnectTimeout);
                        };
                        socket::prepare(&stream);
                        Ok((Connection::new(stream, place, keep_alive), client))
                    }
                })
                .and_then(http)
            };
            let listening = http.listen(format!("http {address}"), listener, service);
            http = listening.map_err(|cause| ServerError::Listen {
                address: *address,
                cause,
            })?;
        }
        let http = http.run();
        let server = Self {
            embedded,
            http: http.handle(),
            addresses,
            system: None,
        };
        actix_web::rt::spawn(http);
        for address in &server.addresses {
            info!("listening on http://{address}");
        }
        Ok(server)
    }

    /// The addresses that the server listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Use cases of jobs, for a program that embeds the server.
    pub fn jobs(&self) -> &Jobs {
        self.embedded.jobs()
    }

    /// Schedules a job of this type with these parameters, and the configured settings of its type for the rest;
    /// [`Jobs::request`] sets more. The job is durable when this returns.
    ///
    /// # Errors
    ///
    /// See [`JobRequestError`].
    pub async fn schedule(&self, job_type: &str, parameters: &impl Serialize) -> Result<Arc<Job>, JobRequestError> {
        self.embedded.schedule(job_type, parameters).await
    }

    /// Use cases of recurring jobs, for a program that embeds the server.
    pub fn recurring(&self) -> &Recurring {
        self.embedded.recurring()
    }

    /// Use cases of queues, for a program that embeds the server.
    pub fn queues(&self) -> &Queues {
        self.embedded.queues()
    }

    /// The handle to the actors.
    // For tests; its types are internal.
    #[doc(hidden)]
    pub fn runtime(&self) -> &RuntimeHandle {
        self.embedded.runtime()
    }

    /// Starts no more jobs, waits for running jobs within the grace period, requeues the others, and stops.
    pub async fn stop(self) {
        let Self {
            addresses: _,
            embedded,
            http,
            system,
        } = self;
        let stop = || {
            Box::pin(async move {
                // Requests are served while jobs finish: readiness reports the shutdown.
                let storage = embedded.finish().await;
                http.stop(true).await;
                if let Some(storage) = storage {
                    storage.close().await;
                }
                info!("stopped");
            })
        };
        match system {
            None => stop().await,
            // The thread ends early only if the program stops its system itself.
            Some(system) => drop(system.run(stop).await),
        }
    }
}
