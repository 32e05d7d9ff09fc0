//! The four measurements of TickerQ over HTTP. Arguments: the measurement, "default" or "tuned".
//!
//! Clients are threads with a connection each, which write prepared requests: they cost less than an HTTP library.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const JOB: &str =
    r#"{"type":"Noop","parameters":{"recipientEmail":"newuser@example.com","templateId":"welcome-email"}}"#;
const BATCH_SIZE: usize = 500;
const BATCH_CLIENTS: usize = 4;
const QUEUE: &str = "/api/tickerq/queues/default";

fn number(name: &str) -> usize {
    env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("{name} is a number"))
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_tuned = arguments.get(1).is_some_and(|settings| settings == "tuned");
    let server = Server::start(is_tuned);
    let result = match arguments.first().map(String::as_str) {
        Some("one") => one(&server),
        Some("many") => many(&server),
        Some("run") => run(&server),
        Some("latency") => latency(&server),
        other => panic!("a measurement, not {other:?}"),
    };
    println!("{result}");
}

/// A server with an empty database, stopped when it is dropped.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(is_tuned: bool) -> Self {
        let folder = env::var("PEERS_FOLDER").expect("PEERS_FOLDER names an empty folder");
        let database = env::var("PEERS_POSTGRES").unwrap_or_else(|_| format!("sqlite:{folder}/tickerq.db"));
        let workers = if is_tuned {
            "[queue_defaults]\nconcurrency = 256\n"
        } else {
            ""
        };
        let configuration = format!("{folder}/tickerq.toml");
        let durability = env::var("PEERS_DURABILITY").unwrap_or_else(|_| "full".to_owned());
        let text =
            format!("[job_types.Noop]\nhandler = \"noop\"\n[database]\ndurability = \"{durability}\"\n{workers}");
        fs::write(&configuration, text).expect("a configuration");
        let mut process = Command::new(env::var("PEERS_TICKERQ").expect("PEERS_TICKERQ names the program"))
            .args([
                "serve",
                "--config",
                &configuration,
                "--listen",
                "127.0.0.1:0",
                "--database-url",
                &database,
            ])
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut log = BufReader::new(process.stderr.take().expect("a log"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(
                log.read_line(&mut line).expect("a log") > 0,
                "the server ended at start"
            );
            if let Some((_, address)) = line.split_once("listening on http://") {
                break address.trim().to_owned();
            }
        };
        thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { process, address }
    }

    fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_nodelay(true).expect("a connection");
        Connection {
            stream,
            buffer: vec![0; 64 * 1024],
        }
    }

    fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        let (address, length) = (&self.address, body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
        format!("{head}Content-Length: {length}\r\n\r\n{body}").into_bytes()
    }

    fn one(&self) -> Vec<u8> {
        self.request("POST", "/api/tickerq/jobs", JOB)
    }

    fn many(&self) -> Vec<u8> {
        let jobs = vec![JOB; BATCH_SIZE].join(",");
        self.request("POST", "/api/tickerq/jobs/batch", &format!("{{\"jobs\":[{jobs}]}}"))
    }

    /// Pauses or resumes the queue.
    fn set_queue(&self, action: &str) {
        self.connect()
            .call(&self.request("POST", &format!("{QUEUE}/{action}"), ""));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The database is not used again.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Body of the response, whose status is one of success.
    fn call(&mut self, request: &[u8]) -> &str {
        self.stream.write_all(request).expect("a request");
        let mut filled = 0;
        let mut whole = usize::MAX;
        let mut body = 0;
        while filled < whole {
            if filled == self.buffer.len() {
                self.buffer.resize(2 * filled, 0);
            }
            let read = self.stream.read(&mut self.buffer[filled..]).expect("a response");
            assert!(read > 0, "the server closed the connection");
            filled += read;
            if whole == usize::MAX
                && let Some(end) = self.buffer[..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n")
            {
                body = end + 4;
                whole = body + content_length(&self.buffer[..body]);
            }
        }
        let response = std::str::from_utf8(&self.buffer[..filled]).expect("a response of text");
        assert!(
            response.starts_with("HTTP/1.1 2"),
            "a response of success, not {response}"
        );
        &response[body..]
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).expect("a head of text");
    head.split("\r\n")
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0)
}

/// The text of a member of a JSON object, without quotes.
fn member<'a>(json: &'a str, name: &str) -> &'a str {
    let start = json.find(&format!("\"{name}\":")).expect("a member") + name.len() + 3;
    let text = &json[start..];
    let end = text.find([',', '}']).expect("the end of a member");
    text[..end].trim_matches('"')
}

/// Rate of `clients` connections that send one request after the other.
fn load(server: &Server, clients: usize, total: usize, jobs_per_call: usize, request: &[u8]) -> String {
    let limit = Duration::from_secs(number("PEERS_SECONDS") as u64);
    let sent = AtomicUsize::new(0);
    let connections: Vec<_> = (0..clients).map(|_| server.connect()).collect();
    let start = Instant::now();
    let stored: usize = thread::scope(|scope| {
        let clients: Vec<_> = connections
            .into_iter()
            .map(|mut connection| {
                let sent = &sent;
                scope.spawn(move || {
                    let mut stored = 0;
                    while sent.fetch_add(jobs_per_call, Ordering::Relaxed) < total && start.elapsed() < limit {
                        connection.call(request);
                        stored += jobs_per_call;
                    }
                    stored
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("a client")).sum()
    });
    rate(stored, start.elapsed())
}

fn rate(jobs: usize, time: Duration) -> String {
    let per_second = jobs as f64 / time.as_secs_f64();
    format!("{{\"perSecond\":{per_second},\"jobs\":{jobs}}}")
}

fn one(server: &Server) -> String {
    let (clients, request) = (number("PEERS_CLIENTS"), server.one());
    server.set_queue("pause");
    load(server, clients, 20 * clients, 1, &request);
    load(server, clients, number("PEERS_JOBS"), 1, &request)
}

fn many(server: &Server) -> String {
    let request = server.many();
    server.set_queue("pause");
    load(server, BATCH_CLIENTS, 8 * BATCH_SIZE, BATCH_SIZE, &request);
    load(server, BATCH_CLIENTS, 5 * number("PEERS_JOBS"), BATCH_SIZE, &request)
}

/// From the request that resumes the queue until the last end is stored.
fn run(server: &Server) -> String {
    let jobs = number("PEERS_JOBS");
    let limit = Duration::from_secs(number("PEERS_SECONDS") as u64);
    let (batch, queue) = (server.many(), server.request("GET", QUEUE, ""));
    server.set_queue("pause");
    let mut connection = server.connect();
    for _ in 0..jobs / BATCH_SIZE {
        connection.call(&batch);
    }
    let start = Instant::now();
    server.set_queue("resume");
    let completed = loop {
        let view = connection.call(&queue);
        let completed: usize = member(view, "completedJobs").parse().expect("a number");
        if completed >= jobs || start.elapsed() > limit {
            break completed;
        }
        thread::sleep(Duration::from_millis(2));
    };
    rate(completed, start.elapsed())
}

/// From the request that creates a job until the end of its handler, which does nothing: the start that the server
/// reports is that of the commit before the handler.
fn latency(server: &Server) -> String {
    let (mut connection, request) = (server.connect(), server.one());
    let limit = Duration::from_secs(number("PEERS_SECONDS") as u64);
    let (begin, mut taken) = (Instant::now(), Vec::new());
    let mut warm = 20;
    while taken.len() < number("PEERS_SAMPLES") && begin.elapsed() < limit {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
        let id = member(connection.call(&request), "id").to_owned();
        thread::sleep(Duration::from_millis(10));
        let job = server.request("GET", &format!("/api/tickerq/jobs/{id}"), "");
        let ended = loop {
            let view = connection.call(&job);
            if member(view, "status") == "completed" {
                break second_of_day(member(view, "completedAt"));
            }
            thread::sleep(Duration::from_millis(1));
        };
        if warm > 0 && begin.elapsed() < limit / 5 {
            warm -= 1;
        } else {
            taken.push((ended - created.as_secs_f64() % 86_400.0) * 1_000.0);
        }
    }
    taken.sort_by(f64::total_cmp);
    let at = |share: f64| taken[((taken.len() as f64 * share) as usize).min(taken.len() - 1)];
    format!(
        "{{\"p50\":{},\"p99\":{},\"samples\":{}}}",
        at(0.5),
        at(0.99),
        taken.len()
    )
}

/// Seconds since midnight of a time such as `2026-11-30T21:21:34.596736Z`.
fn second_of_day(time: &str) -> f64 {
    let clock = time.split('T').nth(1).expect("a time").trim_end_matches('Z');
    clock
        .split(':')
        .map(|part| part.parse::<f64>().expect("a number"))
        .fold(0.0, |sum, part| 60.0 * sum + part)
}
