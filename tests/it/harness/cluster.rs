//! A separate PostgreSQL that a test can stop and start.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The cluster. Dropping it stops it and deletes its files.
pub struct Cluster {
    folder: TempDir,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    /// A new cluster, running.
    pub fn start_new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = programs();
        // PostgreSQL refuses to run as root: the files then belong to the user of Debian's package.
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let cluster = Self {
            folder,
            programs,
            port: port.expect("a free port").port(),
        };
        let data = cluster.data();
        cluster.run_program(
            "initdb",
            &["-U", "tickerq", "-A", "trust", "-E", "UTF8", "--no-sync", "-D", &data],
        );
        cluster.start();
        cluster
    }

    /// Its first database.
    pub fn url(&self) -> String {
        format!("postgres://tickerq@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it again.
    pub fn start(&self) {
        let folder = self.folder.path().display();
        // Only the server crashes, not the system: fsync is not needed.
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off",
            self.port
        );
        let log = format!("{folder}/log");
        self.run_program(
            "pg_ctl",
            &["-D", &self.data(), "-w", "-l", &log, "-o", &options, "start"],
        );
    }

    /// Kills it; uncommitted transactions are rolled back at the next start.
    pub fn crash(&self) {
        self.run_program("pg_ctl", &["-D", &self.data(), "-w", "-m", "immediate", "stop"]);
    }

    /// Stops it as an update does: connections are closed and transactions rolled back.
    pub fn stop(&self) {
        self.run_program("pg_ctl", &["-D", &self.data(), "-w", "-m", "fast", "stop"]);
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run_program(&self, program: &str, arguments: &[&str]) {
        run(&mut self.program(program, arguments));
    }

    fn program(&self, program: &str, arguments: &[&str]) -> Command {
        let path = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args([
                OsStr::new("-u"),
                OsStr::new("postgres"),
                OsStr::new("--"),
                path.as_os_str(),
            ]);
            command
        } else {
            Command::new(path)
        };
        command.args(arguments).current_dir(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may be stopped already.
        self.program("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"])
            .output()
            .ok();
    }
}

fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

/// Debian installs the server's programs outside of PATH.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = installed.map(|version| version.path().join("bin")).collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere = std::env::split_paths(&path).collect::<Vec<_>>();
    let has_all = |folder: &Path| folder.join("initdb").exists() && folder.join("postgres").exists();
    let mut all = folders.into_iter().rev().chain(elsewhere);
    all.find(|folder| has_all(folder))
        .expect("PostgreSQL's server is installed")
}

fn run(command: &mut Command) {
    // The started server inherits the output: reading it to the end would wait for the server.
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = quiet.status().expect("the program runs");
    assert!(status.success(), "{command:?}: {status}");
}
