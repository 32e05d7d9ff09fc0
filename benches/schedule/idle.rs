//! Wake-ups of an idle server: sleeps and wake-ups of its threads as counted by
//! the kernel.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// Time for the server to start and become idle.
const SETTLED: Duration = Duration::from_secs(8);
const WATCHED: Duration = Duration::from_secs(20);

/// Activity of an idle server.
pub(crate) struct Idle {
    pub(crate) per_second: f64,
    /// In percent of one core.
    pub(crate) busy: f64,
}

pub(crate) async fn wake_ups(url: &str) -> Idle {
    let mut server = Command::new(crate::program::program())
        .args(["serve", "--listen", "127.0.0.1:0", "--database-url", url])
        .env_remove("TICKERQ_BENCH_POSTGRES")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let stderr = server.stderr.take().expect("a piped stderr");
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    assert!(
        lines.any(|line| line.contains("listening on")),
        "the server does not listen"
    );
    tokio::time::sleep(SETTLED).await;
    let (before, start) = (Counted::of(server.id()), Instant::now());
    tokio::time::sleep(WATCHED).await;
    let (after, seconds) = (Counted::of(server.id()), start.elapsed().as_secs_f64());
    for (name, count) in &after.by_thread {
        let earlier = before.by_thread.iter().find(|(known, _)| known == name);
        let woken = count - earlier.map_or(0, |(_, count)| *count);
        if woken > 0 {
            println!("    {name:<24} {:.1} a second", woken as f64 / seconds);
        }
    }
    // It releases its lease, so that the next server starts at once.
    let process = Pid::from_child(&server);
    kill_process(process, Signal::TERM).expect("the process takes signals");
    server.wait().expect("the server ends");
    Idle {
        per_second: (after.total() - before.total()) as f64 / seconds,
        busy: (after.busy - before.busy).as_secs_f64() / seconds * 100.0,
    }
}

struct Counted {
    /// Each thread and its number of sleeps.
    by_thread: Vec<(String, u64)>,
    busy: Duration,
}

impl Counted {
    fn of(process: u32) -> Self {
        let mut by_thread = Vec::new();
        let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a process");
        for thread in threads.flatten() {
            let status = fs::read_to_string(thread.path().join("status")).expect("a thread");
            let field = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name)).expect("a field");
                line.split_once(':').expect("a field").1.trim().to_owned()
            };
            let slept = field("voluntary_ctxt_switches").parse().expect("a number");
            let id = thread.file_name();
            by_thread.push((format!("{} {}", field("Name"), id.display()), slept));
        }
        by_thread.sort();
        // User and system time are the 14th and 15th field, in hundredths of a second.
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = ticks.map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
        Self {
            by_thread,
            busy: Duration::from_millis(ticks * 10),
        }
    }

    fn total(&self) -> u64 {
        self.by_thread.iter().map(|(_, count)| count).sum()
    }
}
