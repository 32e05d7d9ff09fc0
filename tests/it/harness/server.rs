//! Starts, stops and kills the binary.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::client::Client;
use super::{TIMEOUT, eventually};

/// Database of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A file in its folder.
    Sqlite,
    /// A separate database on the test cluster.
    Postgres,
}

/// A folder with a configuration in which a server can be started repeatedly.
pub struct Site {
    folder: TempDir,
    database_url: String,
}

/// A running server. Killed when it is dropped.
pub struct Server {
    child: Child,
    pub url: String,
    log: PathBuf,
    /// Copies the server's output to its log.
    logging: Option<JoinHandle<()>>,
}

/// The URL of the test cluster, which `scripts/test` starts.
pub fn postgres_url() -> String {
    std::env::var("TICKERQ_TEST_POSTGRES")
        .expect("TICKERQ_TEST_POSTGRES names a PostgreSQL server for tests; ./scripts/test starts one and sets it")
}

/// Creates an empty database on the test cluster with these options of `CREATE DATABASE`, and returns its URL.
pub fn new_postgres_database(options: &str) -> String {
    let admin = postgres_url();
    let name = format!("tickerq_{}", uuid::Uuid::now_v7().simple());
    let (base, _) = admin.rsplit_once('/').expect("a URL with a database");
    run_sql(&admin, &format!("CREATE DATABASE {name} {options}"));
    format!("{base}/{name}")
}

/// Runs a statement on a PostgreSQL database.
pub fn run_sql(url: &str, sql: &str) {
    let output = Command::new("psql").args([url, "-q", "-c", sql]).output();
    let output = output.expect("psql runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Result of a query on a PostgreSQL database, without headings.
pub fn query_sql(url: &str, sql: &str) -> String {
    let output = Command::new("psql").args([url, "-qAt", "-c", sql]).output();
    let output = output.expect("psql runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

impl Site {
    /// An empty folder with this configuration.
    pub fn new(storage: Storage, config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database_url = match storage {
            Storage::Sqlite => "sqlite:tickerq.db".to_owned(),
            Storage::Postgres => new_postgres_database(""),
        };
        let site = Self { folder, database_url };
        site.configure(config);
        site
    }

    /// An empty folder with this configuration for servers on an existing database.
    pub fn over(database_url: String, config: &str) -> Self {
        let site = Self {
            folder: tempfile::tempdir().expect("a folder"),
            database_url,
        };
        site.configure(config);
        site
    }

    /// Replaces the configuration of the next server that is started here.
    pub fn configure(&self, config: &str) {
        fs::write(self.path().join("tickerq.toml"), config).expect("the configuration is written");
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Database of its servers.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// A command of the binary, in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(crate::harness::program());
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TICKERQ_")) {
            command.env_remove(name);
        }
        command
    }

    /// Starts the server on a free port and waits until it listens.
    pub fn start(&self) -> Server {
        self.start_at("127.0.0.1:0")
    }

    /// Starts the server at this address and waits until it listens.
    pub fn start_at(&self, address: &str) -> Server {
        self.start_from(self.command(&["serve", "--listen", address, "--database-url", &self.database_url]))
    }

    /// Starts the server with this command and waits until it listens.
    ///
    /// Its health does not depend on the free space of this machine's disk, unless its configuration sets the minimum.
    pub fn start_from(&self, mut command: Command) -> Server {
        let config = fs::read_to_string(self.path().join("tickerq.toml")).unwrap_or_default();
        if !config.contains("min_disk_free") && !config.contains("disk_free_percent_min") {
            command.env("TICKERQ_HEALTH__MIN_DISK_FREE", "0");
        }
        let log = self.path().join(format!("log-{}", uuid::Uuid::now_v7().simple()));
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stderr = child.stderr.take().expect("a piped stderr");
        let (sender, receiver) = mpsc::channel();
        let copy = log.clone();
        let logging = std::thread::spawn(move || {
            let mut written = Vec::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                written.extend_from_slice(line.as_bytes());
                written.push(b'\n');
                fs::write(&copy, &written).ok();
                if let Some((_, url)) = line.split_once("listening on ") {
                    // A JSON line continues after it.
                    let url = url.split('"').next().unwrap_or(url);
                    sender.send(url.trim().to_owned()).ok();
                }
            }
        });
        match receiver.recv_timeout(TIMEOUT) {
            Ok(url) => Server {
                child,
                url,
                log,
                logging: Some(logging),
            },
            Err(_) => {
                child.kill().ok();
                panic!(
                    "the server does not listen:\n{}",
                    fs::read_to_string(&log).unwrap_or_default()
                );
            }
        }
    }
}

impl Server {
    /// Starts a server on SQLite in a separate folder.
    pub fn with_config(config: &str) -> (Site, Self) {
        let site = Site::new(Storage::Sqlite, config);
        let server = site.start();
        (site, server)
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// Its log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Number of log lines with this text.
    pub fn logged(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// Waits until this number of log lines have this text.
    pub async fn until_logged(&self, text: &str, count: usize) {
        eventually(text, || async { (self.logged(text) >= count).then_some(()) }).await;
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process takes signals");
    }

    /// Kills it.
    pub fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        let end = Instant::now() + TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process has a state") {
                return status;
            }
            assert!(Instant::now() < end, "the server does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it gracefully and waits for its end.
    pub fn stop(self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have exited already.
        self.child.kill().ok();
        self.child.wait().ok();
        if let Some(logging) = self.logging.take() {
            logging.join().ok();
        }
        if std::thread::panicking() {
            let mut log = String::new();
            fs::File::open(&self.log)
                .and_then(|mut file| file.read_to_string(&mut log))
                .ok();
            eprintln!("the server's log:\n{log}");
        } else {
            assert!(
                !self.log().contains("panicked"),
                "an actor has panicked:\n{}",
                self.log()
            );
        }
    }
}
