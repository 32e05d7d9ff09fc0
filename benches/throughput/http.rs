//! Enqueue over HTTP: one job per request, 64 connections, and the load generator in the same process.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tickerq::Server;
use tickerq::dashboard::DashboardOptions;
use tickerq::domain::values::time_span::TimeSpan;
use tickerq::internals::{
    ApiKey, AuthOptions, Docs, GraphQlOptions, PagesOptions, ReadLimits, RealtimeOptions, RestOptions, ServerConfig,
    ServerOptions,
};
use tickerq::storage::change::{Change, QueueChange};
use tickerq::storage::repository::{JobRepository, JobStore};
use tickerq::storage::sea::Durability;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::database::{Database, Fresh};
use super::life_cycle::{Noop, PARAMETERS, options, rules};

const CONNECTIONS: usize = 64;

/// Authentication of the callers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callers {
    /// None is required.
    Anonymous,
    /// Each request has a key, and each created job an audit record.
    WithKey,
}

const KEY: &str = "tq_a-key-for-this-benchmark-only";

/// The result.
pub(crate) struct Enqueued {
    /// Accepted jobs per second.
    pub(crate) per_second: f64,
    /// Share of them that had completed when the last one was accepted.
    pub(crate) completed: f64,
}

/// Enqueues. With a paused queue only acceptance is measured; otherwise the jobs run as well.
pub(crate) async fn measure(
    database: &Database,
    durability: Durability,
    count: usize,
    is_paused: bool,
    callers: Callers,
) -> Enqueued {
    let fresh = database.fresh(durability).await;
    pause(&fresh, is_paused).await;
    let server = Box::pin(Server::start(fresh.repository.clone(), server_options(callers)))
        .await
        .expect("a server");
    let address = server.addresses()[0];
    let left = Arc::new(AtomicUsize::new(count));
    let start = Instant::now();
    // On a separate thread, like an external client.
    let load = std::thread::spawn({
        let left = Arc::clone(&left);
        move || {
            let threads = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            threads.block_on(async move {
                let connections: Vec<_> = (0..CONNECTIONS)
                    .map(|_| tokio::spawn(connection(address, Arc::clone(&left))))
                    .collect();
                let mut accepted = 0;
                for connection in connections {
                    accepted += connection.await.expect("a connection");
                }
                accepted
            })
        }
    });
    while !load.is_finished() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let accepted = load.join().expect("the load");
    let per_second = accepted as f64 / start.elapsed().as_secs_f64();
    let completed = super::life_cycle::completed(&(fresh.repository.clone() as Arc<dyn JobRepository>)).await;
    server.stop().await;
    Enqueued {
        per_second,
        completed: completed as f64 / accepted as f64,
    }
}

/// A server with only the measured parts.
fn server_options(callers: Callers) -> ServerOptions {
    ServerOptions {
        closes_storage: true,
        access_log: false,
        server: ServerConfig {
            listen: vec!["127.0.0.1:0".parse().expect("an address")],
            http_workers: NonZeroUsize::new(2).expect("two workers"),
            shutdown_grace: TimeSpan::from_secs(5),
            ..ServerConfig::default()
        },
        auth: AuthOptions {
            is_required: callers == Callers::WithKey,
            keys: vec![ApiKey {
                name: "bench".to_owned(),
                digest: Sha256::digest(KEY).into(),
                scopes: vec!["tickerq:write".to_owned()],
                rate: None,
            }],
            ..AuthOptions::default()
        },
        log: None,
        audit: callers == Callers::WithKey,
        rest: RestOptions {
            enable: true,
            base_path: "/api/tickerq".to_owned(),
            version: "v1".to_owned(),
            body_bytes_max: 4 << 20,
            batch_body_bytes_max: 32 << 20,
            response_bytes_max: 16 << 20,
            response_memory_max: 256 << 20,
            body_memory_max: 256 << 20,
            docs: Docs::Off,
            requires_authentication: false,
        },
        realtime: RealtimeOptions::default(),
        prometheus: None,
        telemetry: None,
        graphql: GraphQlOptions::default(),
        pages: PagesOptions {
            graphiql: false,
            dashboard: DashboardOptions {
                enable: false,
                ..DashboardOptions::default()
            },
        },
        event_buffer: 1_024,
        recurring: Vec::new(),
        expensive_reads: ReadLimits::default(),
        job_limits: rules(),
        runtime: options(Arc::new(Noop)),
    }
}

/// Pauses or resumes the queue before the server starts.
async fn pause(fresh: &Fresh, is_paused: bool) {
    let queue = tickerq::domain::values::name::QueueName::parse("bench").expect("a queue");
    let change = Change::Queue(QueueChange::Set {
        queue,
        is_paused: Some(is_paused),
    });
    fresh
        .repository
        .commit(&[change].into())
        .await
        .expect("a paused queue")
        .results
        .remove(0)
        .expect("a paused queue");
}

/// Posts jobs in sequence and counts the accepted ones.
async fn connection(address: SocketAddr, left: Arc<AtomicUsize>) -> usize {
    let body = format!(r#"{{"type":"NoopJob","queue":"bench","parameters":{PARAMETERS}}}"#);
    let request = format!(
        "POST /api/tickerq/jobs HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("a connection");
    let mut buffer = vec![0; 16 * 1024];
    let mut accepted = 0;
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        .is_ok()
    {
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut filled = 0;
        let status = loop {
            let read = stream.read(&mut buffer[filled..]).await.expect("a response");
            assert!(read > 0, "the server hung up");
            filled += read;
            if let Some(status) = whole_response(&buffer[..filled]) {
                break status;
            }
        };
        accepted += usize::from(status == 201);
    }
    accepted
}

/// Status of a complete response.
pub(crate) fn whole_response(bytes: &[u8]) -> Option<u16> {
    let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..head_end]).expect("a head of text");
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")
                .map(str::to_owned)
        })
        .and_then(|length| length.parse::<usize>().ok())
        .expect("a content-length");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    (bytes.len() >= head_end + length).then_some(status)
}
