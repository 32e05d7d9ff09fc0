//! The four measurements of a peer that is a library in Rust. Arguments: the measurement, "default" or "tuned".

#![cfg(feature = "libraries")]

use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Jobs of one call that stores many.
pub const BATCH_SIZE: usize = 500;
const BATCH_CLIENTS: usize = 4;

static FIRST_START: Mutex<Option<Instant>> = Mutex::new(None);
static STARTS: AtomicUsize = AtomicUsize::new(0);
static STARTED: Notify = Notify::const_new();
static LAST_START: Mutex<Option<Instant>> = Mutex::new(None);

/// A number of the environment.
pub fn number(name: &str) -> usize {
    env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{name} is a number"))
}

/// Limit of connections of a pool.
pub fn connections() -> u32 {
    number("PEERS_CLIENTS").min(20) as u32
}

/// The handler of all jobs.
pub fn handler_started() {
    let now = Instant::now();
    if STARTS.fetch_add(1, Ordering::Relaxed) == 0 {
        *FIRST_START.lock().expect("a lock") = Some(now);
    }
    if is_latency() {
        *LAST_START.lock().expect("a lock") = Some(now);
        STARTED.notify_one();
    }
}

fn measurement() -> String {
    env::args().nth(1).expect("a measurement")
}

fn is_latency() -> bool {
    static IS_LATENCY: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| measurement() == "latency");
    *IS_LATENCY
}

/// A library that is measured.
pub trait Peer: Clone + Send + Sync + 'static {
    /// Stores a job.
    fn enqueue(&self) -> impl Future<Output = ()> + Send;
    /// Stores [`BATCH_SIZE`] jobs.
    fn enqueue_many(&self) -> impl Future<Output = ()> + Send;
    /// Starts workers, whose handler calls [`handler_started`].
    fn work(&self, is_tuned: bool) -> impl Future<Output = ()> + Send;
    /// Number of jobs whose end is not stored.
    fn unfinished(&self) -> impl Future<Output = i64> + Send;
}

/// Measures and prints the result.
pub async fn measure(peer: impl Peer) {
    let is_tuned = env::args().nth(2).is_some_and(|settings| settings == "tuned");
    let result = match measurement().as_str() {
        "one" => one(&peer).await,
        "many" => many(&peer).await,
        "run" => run(&peer, is_tuned).await,
        "latency" => latency(&peer, is_tuned).await,
        other => panic!("a measurement, not {other}"),
    };
    println!("{result}");
    // Workers are not stopped: the database is dropped.
    std::process::exit(0);
}

fn limit() -> Duration {
    Duration::from_secs(number("PEERS_SECONDS") as u64)
}

/// Rate of clients that call at once, until `total` jobs are stored or the time has passed.
async fn load<P: Peer>(peer: &P, clients: usize, total: usize, is_batch: bool) -> String {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    SENT.store(0, Ordering::Relaxed);
    let (start, limit) = (Instant::now(), limit());
    let jobs_per_call = if is_batch { BATCH_SIZE } else { 1 };
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let peer = peer.clone();
        tasks.spawn(async move {
            let mut stored = 0;
            while SENT.fetch_add(jobs_per_call, Ordering::Relaxed) < total && start.elapsed() < limit {
                if is_batch {
                    peer.enqueue_many().await;
                } else {
                    peer.enqueue().await;
                }
                stored += jobs_per_call;
            }
            stored
        });
    }
    let stored: usize = tasks.join_all().await.into_iter().sum();
    rate(stored, start.elapsed())
}

fn rate(jobs: usize, time: Duration) -> String {
    let per_second = jobs as f64 / time.as_secs_f64();
    format!("{{\"perSecond\":{per_second},\"jobs\":{jobs}}}")
}

async fn one(peer: &impl Peer) -> String {
    let clients = number("PEERS_CLIENTS");
    load(peer, clients, 20 * clients, false).await;
    load(peer, clients, number("PEERS_JOBS"), false).await
}

async fn many(peer: &impl Peer) -> String {
    load(peer, BATCH_CLIENTS, 8 * BATCH_SIZE, true).await;
    load(peer, BATCH_CLIENTS, 5 * number("PEERS_JOBS"), true).await
}

/// From the start of the first handler until the last end is stored.
async fn run(peer: &impl Peer, is_tuned: bool) -> String {
    let jobs = number("PEERS_JOBS");
    for _ in 0..jobs / BATCH_SIZE {
        peer.enqueue_many().await;
    }
    let ready = Instant::now();
    peer.work(is_tuned).await;
    while STARTS.load(Ordering::Relaxed) < jobs && ready.elapsed() < limit() {
        sleep(Duration::from_millis(1)).await;
    }
    let ran = STARTS.load(Ordering::Relaxed);
    while ran >= jobs && peer.unfinished().await > 0 {
        sleep(Duration::from_millis(1)).await;
    }
    let start = FIRST_START.lock().expect("a lock").unwrap_or(ready);
    rate(ran, start.elapsed())
}

/// From the call that creates a job until its handler starts, one job at a time.
async fn latency(peer: &impl Peer, is_tuned: bool) -> String {
    peer.work(is_tuned).await;
    sleep(Duration::from_millis(500)).await;
    let (begin, mut taken, mut warm) = (Instant::now(), Vec::new(), 20);
    while taken.len() < number("PEERS_SAMPLES") && begin.elapsed() < limit() {
        let created = Instant::now();
        peer.enqueue().await;
        STARTED.notified().await;
        let started = LAST_START.lock().expect("a lock").take().expect("a start");
        if warm > 0 && begin.elapsed() < limit() / 5 {
            warm -= 1;
        } else {
            taken.push((started - created).as_secs_f64() * 1_000.0);
        }
        sleep(Duration::from_millis(10)).await;
    }
    summary(taken)
}

/// Median and 99th percentile of times in milliseconds.
pub fn summary(mut taken: Vec<f64>) -> String {
    taken.sort_by(f64::total_cmp);
    let at = |share: f64| taken[((taken.len() as f64 * share) as usize).min(taken.len() - 1)];
    format!(
        "{{\"p50\":{},\"p99\":{},\"samples\":{}}}",
        at(0.5),
        at(0.99),
        taken.len()
    )
}
