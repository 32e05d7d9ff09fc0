//! CLI commands against a running server.

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

/// A server and its CLI.
pub struct Shell {
    // Declared before the folder, which contains the log that is read on drop.
    pub server: Server,
    pub site: Site,
}

/// Output of a command, and its exit code.
#[derive(Debug)]
pub struct Printed {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Printed {
    /// Its output, as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// Output of a finished process.
pub fn output_of(output: Output) -> Printed {
    let Output { status, stdout, stderr } = output;
    Printed {
        code: status.code(),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}

impl Shell {
    /// Starts a server with the types `Echo` and `Breaks` and additional configuration.
    pub fn start(config: &str) -> Self {
        let site = Site::new(Storage::Sqlite, &format!("{TYPES}{config}"));
        let server = site.start();
        Self { server, site }
    }

    /// Runs a command that may fail.
    pub fn try_run(&self, arguments: &[&str]) -> Printed {
        let mut command = self.site.command(arguments);
        output_of(
            command
                .env("TICKERQ_SERVER", &self.server.url)
                .output()
                .expect("the binary runs"),
        )
    }

    /// Runs a command that succeeds.
    pub fn run(&self, arguments: &[&str]) -> Printed {
        let printed = self.try_run(arguments);
        assert_eq!((printed.code, printed.err.as_str()), (Some(0), ""), "{arguments:?}");
        printed
    }

    /// Creates a job and returns its id.
    pub fn create(&self, arguments: &[&str]) -> String {
        let printed = self.run(&[&["job", "create"], arguments, &["--json"]].concat());
        printed.json()["id"].as_str().expect("an id").to_owned()
    }
}

/// The value of a name in a list of details.
pub fn detail<'a>(printed: &'a Printed, name: &str) -> Option<&'a str> {
    printed
        .out
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::trim))
}
