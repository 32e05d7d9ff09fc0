//! The command line of a running server.

use std::process::Output;

use serde_json::Value;

use super::server::{Server, Site, Storage};

const TYPES: &str = r#"
[job_types.Echo]
handler = { command = { program = "cat" } }
[job_types.Breaks]
max_retries = 0
handler = { command = { program = "sh", args = ["-c", "echo 'no such address' >&2; exit 3"] } }
"#;

/// A server and its command line.
pub struct Shell {
    // Before the folder, in which its log is read when it is dropped.
    pub server: Server,
    pub site: Site,
}

/// Output of a command, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Its output, as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// Output of a finished process.
pub fn said_of(output: Output) -> Said {
    let Output { status, stdout, stderr } = output;
    Said {
        code: status.code(),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}

impl Shell {
    /// Starts a server with the types `Echo` and `Breaks` and what else is configured.
    pub fn start(config: &str) -> Self {
        let site = Site::new(Storage::Sqlite, &format!("{TYPES}{config}"));
        let server = site.start();
        Self { server, site }
    }

    /// Runs a command, whatever comes of it.
    pub fn try_run(&self, arguments: &[&str]) -> Said {
        let mut command = self.site.command(arguments);
        said_of(
            command
                .env("TICKERQ_SERVER", &self.server.url)
                .output()
                .expect("the binary runs"),
        )
    }

    /// Runs a command that succeeds.
    pub fn run(&self, arguments: &[&str]) -> Said {
        let said = self.try_run(arguments);
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{arguments:?}");
        said
    }

    /// Creates a job and gives its id.
    pub fn create(&self, arguments: &[&str]) -> String {
        let said = self.run(&[&["job", "create"], arguments, &["--json"]].concat());
        said.json()["id"].as_str().expect("an id").to_owned()
    }
}

/// The value behind a name in a list of details.
pub fn detail<'a>(said: &'a Said, name: &str) -> Option<&'a str> {
    said.out
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::trim))
}
