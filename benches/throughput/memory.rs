//! Memory of the server process, idle and with a million pending jobs.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::database::{Database, Fresh};
use super::http::whole_response;
use super::life_cycle::PARAMETERS;

const JOBS: usize = 1_000_000;
const BATCH: usize = 1_000;
/// Delay between the start or the last request and the measurement.
const SETTLED: Duration = Duration::from_secs(2);

/// Resident memory of the process, in megabytes (10^6 bytes).
pub(crate) struct Memory {
    pub(crate) idle: f64,
    /// After it has accepted a million jobs, in requests of 1,000.
    pub(crate) loaded: f64,
    /// Idle again in a new process.
    pub(crate) restarted: f64,
}

/// The process, killed on drop.
struct Program {
    child: Child,
    address: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have exited already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn measure(database: &Database, fresh: &Fresh) -> Memory {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let configuration = "[job_types.NoopJob]\nhandler = \"noop\"\n";
    fs::write(folder.path().join("tickerq.toml"), configuration).expect("a configuration");
    let url = match database {
        // The measuring process holds the lock of its own file.
        Database::Sqlite => "sqlite:memory.db",
        Database::Postgres(_) => &fresh.url,
    };
    let program = start(folder.path(), url);
    let idle = resident(&program);
    let address = &program.address;
    let mut stream = TcpStream::connect(address).expect("a connection");
    post(&mut stream, address, "queues/default/pause", "", 200);
    let mut body = String::from(r#"{"jobs":["#);
    for number in 0..BATCH {
        let comma = if number > 0 { "," } else { "" };
        write!(body, r#"{comma}{{"type":"NoopJob","parameters":{PARAMETERS}}}"#).expect("text");
    }
    body.push_str("]}");
    for _ in 0..JOBS / BATCH {
        post(&mut stream, address, "jobs/batch", &body, 201);
    }
    std::thread::sleep(SETTLED);
    let loaded = resident(&program);
    drop(program);
    Memory {
        idle,
        loaded,
        restarted: resident(&start(folder.path(), url)),
    }
}

fn start(folder: &Path, url: &str) -> Program {
    let mut child = Command::new(crate::program::program())
        .args(["serve", "--config", "tickerq.toml", "--listen", "127.0.0.1:0"])
        .args(["--database-url", url])
        .current_dir(folder)
        // The server would interpret it as a setting.
        .env_remove("TICKERQ_BENCH_POSTGRES")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let log = BufReader::new(child.stderr.take().expect("a log"));
    let mut program = Program {
        child,
        address: String::new(),
    };
    let mut lines = log.lines().map_while(Result::ok);
    let address = lines
        .find_map(|line| line.split_once("listening on ").map(|(_, rest)| rest.to_owned()))
        .expect("the program listens");
    program.address = address
        .trim_start_matches("http://")
        .split(['/', ' '])
        .next()
        .unwrap_or_default()
        .to_owned();
    // Its output is read to the end, so that it never blocks.
    std::thread::spawn(move || lines.for_each(drop));
    std::thread::sleep(SETTLED);
    program
}

fn resident(program: &Program) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", program.child.id())).expect("the process's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line
        .and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .expect("a number of kB");
    kib * 1024.0 / 1e6
}

fn post(stream: &mut TcpStream, host: &str, path: &str, body: &str, expected: u16) {
    let head = format!(
        "POST /api/tickerq/{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("a request");
    stream.write_all(body.as_bytes()).expect("a request");
    let (mut response, mut part) = (Vec::new(), vec![0; 64 * 1024]);
    let status = loop {
        let read = stream.read(&mut part).expect("a response");
        assert!(read > 0, "the server hung up");
        response.extend_from_slice(&part[..read]);
        if let Some(status) = whole_response(&response) {
            break status;
        }
    };
    assert_eq!(status, expected, "{path}: {}", String::from_utf8_lossy(&response));
}
