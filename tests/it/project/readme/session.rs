//! A shell in an empty folder that runs the commands of a document.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;

use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::output::{agrees, ids};
use crate::harness::TIMEOUT;
use crate::harness::server::new_postgres_database;

/// Marks the end of a command's output.
const END: &str = "<<the end of the output>>";

/// A running shell. Its children are stopped with it.
pub(super) struct Session {
    shell: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    folder: TempDir,
    /// Values of the document and their values in this session: addresses and ids.
    values: HashMap<String, String>,
    ran: usize,
    failures: Vec<String>,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Session {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        crate::harness::program();
        let programs = crate::harness::programs();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut values = HashMap::new();
        for documented in ["5000", "5001", "5002", "9000"] {
            let here = free_port();
            values.insert(format!(":{documented}"), format!(":{here}"));
            values.insert(format!(" {documented})"), format!(" {here})"));
        }
        values.insert(
            "postgres://tickerq@127.0.0.1/tickerq".to_owned(),
            new_postgres_database(""),
        );
        let here = format!("127.0.0.1{}", values[":5000"]);
        let mut command = Command::new("bash");
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TICKERQ_")) {
            command.env_remove(name);
        }
        let mut shell = command
            .arg("--norc")
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("TICKERQ_SERVER__LISTEN", &here)
            .env("TICKERQ_SERVER", format!("http://{here}"))
            .env("PYTHONUNBUFFERED", "1")
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("bash runs");
        let mut input = shell.stdin.take().expect("a pipe");
        writeln!(input, "set -m; exec 2>&1; trap 'kill -9 $(jobs -p)' EXIT").expect("bash reads");
        let mut output = BufReader::new(shell.stdout.take().expect("a pipe"));
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut line = Vec::new();
            while output
                .by_ref()
                .read_until(b'\n', &mut line)
                .is_ok_and(|length| length > 0)
            {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Self {
            shell,
            input,
            lines,
            folder,
            values,
            ran: 0,
            failures: Vec::new(),
        }
    }

    /// Number of commands with the expected output, and the failures of the others.
    pub(super) fn finish(mut self) -> (usize, Vec<String>) {
        (self.ran, std::mem::take(&mut self.failures))
    }

    /// Writes a file of the document.
    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), self.here(text)).expect("the file is written");
    }

    /// Repeats a command until its output matches: jobs take time.
    pub(super) fn run(&mut self, place: &str, command: &str, expected: &str) {
        let end = Instant::now() + TIMEOUT;
        let is_repeatable = is_repeatable(command);
        loop {
            let output = self.output_of(place, &self.here(command));
            if agrees(&self.here(expected), &output) {
                self.values.extend(ids(expected).into_iter().zip(ids(&output)));
                self.ran += 1;
                return;
            }
            if !is_repeatable || Instant::now() >= end {
                self.failures
                    .push(format!("{place}: {command}\nshows\n{expected}\nbut prints\n{output}"));
                self.values.extend(ids(expected).into_iter().zip(ids(&output)));
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// A text of the document with the values of this session.
    fn here(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (documented, here) in &self.values {
            text = text.replace(documented, here);
        }
        text
    }

    fn output_of(&mut self, place: &str, command: &str) -> String {
        writeln!(self.input, "{command}\necho; echo '{END}'").expect("bash reads");
        let mut output = String::new();
        loop {
            let next = self.lines.recv_timeout(TIMEOUT);
            let next = next.unwrap_or_else(|_| panic!("{place}: {command}\ndoes not end; it printed\n{output}"));
            if next.trim_end() == END {
                return output;
            }
            output.push_str(&next);
        }
    }
}

/// `true` if a command only reads and can be repeated.
fn is_repeatable(command: &str) -> bool {
    let reads = [
        "tickerq job show",
        "tickerq job list",
        "tickerq queue list",
        "tail ",
        "cat ",
        "grep ",
    ];
    let is_get =
        command.starts_with("curl") && !command.contains(" -d") && !command.contains(" -X") && !command.contains("-T");
    is_get && !command.contains("events") || reads.iter().any(|read| command.starts_with(read))
}

impl Drop for Session {
    fn drop(&mut self) {
        // The trap stops processes that the commands have started.
        let _ = writeln!(self.input, "exit");
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if self.shell.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.shell.kill();
    }
}
