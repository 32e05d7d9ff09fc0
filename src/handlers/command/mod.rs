//! Handlers that start a program.
//!
//! The program receives the job's parameters as JSON on standard input and further values in its environment. If it
//! exits with 0, its standard output is the result; otherwise the last line of its standard error is the error.
//!
//! It leads a process group of its own, which ends with the job: the group of a cancelled job gets SIGTERM, and the
//! remaining processes get SIGKILL when the program has ended or the future is dropped. Only processes that leave the
//! group (`setsid`) outlive the job.

mod process_group;
mod streams;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use self::process_group::ProcessGroup;
use self::streams::{Output, ReadError, feed};
use super::job_handler::{JobContext, JobHandler};
use super::limits::{HandlerLimits, LEFT_OUT, keep_end, printable_text};
use super::output;
use crate::domain::job::Job;
use crate::domain::job::outcome::Failure;
use crate::domain::values::json::Json;
use crate::domain::values::trace_context::TraceParent;

/// Time limit for reading output after the program's end: a child process may keep the pipes open.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// Prefix of the server's own settings in the environment. They contain secrets and are withheld from programs.
const SERVER_VARIABLES: &[u8] = b"TICKERQ_";

/// Options of a command handler.
#[derive(Clone)]
pub(crate) struct CommandOptions {
    /// The program: a path, or a name in `PATH`.
    pub program: String,
    /// Its arguments, passed without a shell.
    pub args: Vec<String>,
    /// Working directory; by default that of the server.
    pub working_directory: Option<PathBuf>,
    /// Variables in addition to the server's own environment, without `TICKERQ_…`, and those of the job.
    pub environment: Vec<(String, String)>,
}

/// Runs jobs by starting a program; see the module documentation.
pub(crate) struct CommandHandler {
    options: CommandOptions,
    limits: HandlerLimits,
    /// Variables of the server that are withheld from the program.
    withheld: Vec<OsString>,
}

impl CommandHandler {
    /// Creates a handler.
    #[expect(
        clippy::disallowed_methods,
        reason = "no setting is read: only the names of what a child must not inherit"
    )]
    pub(crate) fn new(options: CommandOptions, limits: HandlerLimits) -> Self {
        Self {
            options,
            limits,
            withheld: withheld(std::env::vars_os().map(|(name, _)| name)),
        }
    }

    fn command(&self, job: &Job, trace_parent: Option<TraceParent>) -> Command {
        let mut command = Command::new(&self.options.program);
        command
            .args(&self.options.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            // The group is killed when the future is dropped; then the runtime reaps the program, so that it does not
            // become a zombie.
            .kill_on_drop(true);
        if let Some(directory) = &self.options.working_directory {
            command.current_dir(directory);
        }
        for name in &self.withheld {
            command.env_remove(name);
        }
        command
            .envs(self.options.environment.iter().map(|(name, value)| (name, value)))
            .env("TICKERQ_JOB_ID", job.id.to_string())
            .env("TICKERQ_JOB_TYPE", job.job_type.as_str())
            .env("TICKERQ_JOB_NAME", job.name.as_str())
            .env("TICKERQ_QUEUE", job.queue.as_str())
            .env("TICKERQ_ATTEMPT", job.attempt.to_string())
            .env("TICKERQ_RETRY_COUNT", job.retry_count.to_string())
            .env("TICKERQ_MAX_RETRIES", job.max_retries.to_string());
        // By the convention of tracing programs. A variable of the server itself does not concern this job.
        match trace_parent {
            Some(span_context) => command.env("TRACEPARENT", span_context.to_string()),
            None => command.env_remove("TRACEPARENT"),
        };
        let propagated = job.propagated.as_deref();
        for (name, value) in [
            (
                "TRACESTATE",
                propagated.and_then(|propagated| propagated.trace_state.as_deref()),
            ),
            (
                "BAGGAGE",
                propagated.and_then(|propagated| propagated.baggage.as_deref()),
            ),
        ] {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// The failure of a program that did not start.
    fn not_started(&self, error: &io::Error) -> Failure {
        let program = &self.options.program;
        let directory = self.options.working_directory.as_ref();
        if let Some(directory) = directory.filter(|directory| !directory.is_dir()) {
            return Failure::permanent(format!(
                "the working directory {} of the program {program} does not exist",
                directory.display()
            ));
        }
        let kind = error.kind();
        let is_for_good = [
            io::ErrorKind::PermissionDenied,
            io::ErrorKind::InvalidInput,
            io::ErrorKind::NotADirectory,
            io::ErrorKind::ArgumentListTooLong,
        ];
        if kind == io::ErrorKind::NotFound {
            Failure::permanent(format!("the program {program} was not found"))
        } else if is_for_good.contains(&kind) {
            Failure::permanent(format!("the program {program} can't be started: {error}"))
        } else {
            // A temporary lack of resources, such as memory or processes.
            Failure::new(format!("the program {program} can't be started now: {error}"))
        }
    }

    /// The outcome of a program that has ended.
    fn result(&self, status: ExitStatus, output: &Output) -> Result<Option<Json>, Failure> {
        if status.success() {
            return output::to_result(output.stdout());
        }
        let end = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exited with status {code}"),
            (None, Some(signal)) => format!("terminated by signal {signal}"),
            (None, None) => "ended without a status".to_owned(),
        };
        let mut text = printable_text(&String::from_utf8_lossy(output.stderr_tail()));
        let Some(reason) = text.lines().map(str::trim).rfind(|line| !line.is_empty()) else {
            return Err(Failure::new(end));
        };
        let failure = Failure::new(format!("{end}: {reason}"));
        if output.is_stderr_cut() {
            text.insert_str(0, LEFT_OUT);
        }
        // The end of a log matters most, so it is truncated here at its start.
        Err(failure.with_detail(keep_end(text, self.limits.detail_bytes_max)))
    }
}

#[async_trait]
impl JobHandler for CommandHandler {
    async fn run(&self, context: JobContext) -> Result<Option<Json>, Failure> {
        let JobContext {
            job,
            cancellation,
            trace_parent,
            reports: _,
        } = context;
        if cancellation.is_cancelled() {
            return Err(Failure::permanent(
                "the job was cancelled before its program was started",
            ));
        }
        let mut child = self
            .command(&job, trace_parent)
            .spawn()
            .map_err(|error| self.not_started(&error))?;
        debug!(pid = child.id(), "started {}", self.options.program);
        // Dropped before the child: the group is killed while its leader still holds the group's id.
        let group = ProcessGroup::led_by(&child);
        let mut output = Output::new(self.limits.result_bytes_max, self.limits.detail_bytes_max);
        let parameters = job.parameters.as_str().as_bytes();
        let status = watch(&mut child, &group, parameters, &mut output, &cancellation)
            .await
            .map_err(|error| match error {
                WatchError::Read(ReadError::TooLarge) => self.limits.result_too_large(),
                WatchError::Read(ReadError::Io(error)) | WatchError::Wait(error) => Failure::new(format!(
                    "waiting for the program {} failed: {error}",
                    self.options.program
                )),
            })?;
        // No process of the job outlives it.
        drop(group);
        self.result(status, &output)
    }
}

/// Error while a program is running.
enum WatchError {
    /// Its output can't be read, or is too large.
    Read(ReadError),
    /// Its status can't be read.
    Wait(io::Error),
}

/// Writes the program's input, reads its output and forwards a cancellation, until it ends.
async fn watch(
    child: &mut Child,
    group: &ProcessGroup,
    parameters: &[u8],
    output: &mut Output,
    cancellation: &CancellationToken,
) -> Result<ExitStatus, WatchError> {
    let mut feeding = pin!(feed(child.stdin.take(), parameters));
    let mut reading = pin!(output.read(child.stdout.take(), child.stderr.take()));
    let mut ending = pin!(end_of(child, group, cancellation));
    let (mut is_fed, mut is_read) = (false, false);
    let status = loop {
        tokio::select! {
            status = &mut ending => break status.map_err(WatchError::Wait)?,
            read = &mut reading, if !is_read => {
                read.map_err(WatchError::Read)?;
                is_read = true;
            }
            () = &mut feeding, if !is_fed => is_fed = true,
        }
    };
    if !is_read && let Ok(read) = timeout(OUTPUT_GRACE, reading).await {
        read.map_err(WatchError::Read)?;
    }
    Ok(status)
}

async fn end_of(child: &mut Child, group: &ProcessGroup, cancellation: &CancellationToken) -> io::Result<ExitStatus> {
    tokio::select! {
        status = child.wait() => return status,
        () = cancellation.cancelled() => group.terminate(),
    }
    // Without a limit: after the grace period the caller drops this future.
    child.wait().await
}

fn withheld(names: impl Iterator<Item = OsString>) -> Vec<OsString> {
    names
        .filter(|name| {
            // Case-insensitive, as settings are.
            let start = name.as_encoded_bytes().get(..SERVER_VARIABLES.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(SERVER_VARIABLES))
        })
        .collect()
}
