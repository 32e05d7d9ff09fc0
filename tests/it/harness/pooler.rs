//! PgBouncer in front of the test cluster.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::TIMEOUT;
use super::server::postgres_url;

/// A running PgBouncer. Dropping it stops it.
pub struct Pooler {
    child: Child,
    port: u16,
    /// Its configuration.
    _folder: TempDir,
}

impl Pooler {
    /// PgBouncer in this mode (`transaction`, `session`) with a few server connections.
    pub fn start(mode: &str, connections: u32) -> Self {
        let url = reqwest::Url::parse(&postgres_url()).expect("a URL");
        let (host, server_port) = (url.host_str().expect("a host"), url.port().unwrap_or(5432));
        let user = url.username();
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n* = host={host} port={server_port} user={user}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\ndefault_pool_size = {connections}\n"
        );
        fs::write(&file, settings).expect("the configuration is written");
        // PgBouncer refuses to run as root.
        let mut command = if rustix::process::geteuid().is_root() {
            let status = Command::new("chown")
                .args(["-R", "postgres"])
                .arg(folder.path())
                .status();
            assert!(status.expect("chown runs").success());
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
            command.arg(program());
            command
        } else {
            Command::new(program())
        };
        let child = command
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbouncer runs; ./scripts/test installs it");
        let end = Instant::now() + TIMEOUT;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "pgbouncer does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            child,
            port,
            _folder: folder,
        }
    }

    /// URL of a database of the test cluster through it.
    pub fn url_of(&self, database_url: &str) -> String {
        let mut url = reqwest::Url::parse(database_url).expect("a URL");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(self.port)).expect("a port");
        url.into()
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // It may have exited already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Debian installs it outside of a user's PATH.
fn program() -> PathBuf {
    let debian = PathBuf::from("/usr/sbin/pgbouncer");
    if debian.exists() {
        debian
    } else {
        PathBuf::from("pgbouncer")
    }
}
