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

use super::PATIENCE;
use super::client::Client;

/// Database of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A file in its folder.
    Sqlite,
    /// A database of its own on the test cluster.
    Postgres,
}

/// A folder with a configuration, in which a server can be started again and again.
pub struct Site {
    folder: TempDir,
    database_url: String,
}

/// A running server. Killed when it is dropped.
pub struct Server {
    child: Child,
    pub url: String,
    log: PathBuf,
    /// Copies the server's output into its log, to the end.
    logging: Option<JoinHandle<()>>,
}

/// The URL of the test cluster, which `scripts/test` starts.
pub fn postgres_url() -> String {
    std::env::var("TICKERQ_TEST_POSTGRES")
        .expect("TICKERQ_TEST_POSTGRES names a PostgreSQL server for tests; ./scripts/test starts one and sets it")
}

/// Makes an empty database on the test cluster, with these options of `CREATE DATABASE`, and gives its URL.
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

    /// An empty folder with this configuration, whose servers keep their jobs in a database that there is already.
    pub fn over(database_url: String, config: &str) -> Self {
        let site = Self {
            folder: tempfile::tempdir().expect("a folder"),
            database_url,
        };
        site.configure(config);
        site
    }

    /// Gives the next server that is started here another configuration.
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
    pub fn start_from(&self, mut command: Command) -> Server {
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
                    // As JSON the line goes on after it.
                    let url = url.split('"').next().unwrap_or(url);
                    sender.send(url.trim().to_owned()).ok();
                }
            }
        });
        match receiver.recv_timeout(PATIENCE) {
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
    /// Starts a server over SQLite in a folder of its own.
    pub fn with_config(config: &str) -> (Site, Self) {
        let site = Site::new(Storage::Sqlite, config);
        let server = site.start();
        (site, server)
    }

    /// Talks to it.
    pub fn client(&self) -> Client {
        Client::new(&self.url)
    }

    /// Its log.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid")
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the process takes signals");
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }

    /// Waits for its end.
    pub fn wait(mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("the process can be asked") {
                return status;
            }
            assert!(Instant::now() < end, "the server does not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to stop and waits for its end.
    pub fn stop(self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
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
