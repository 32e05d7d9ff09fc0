//! Runs a job by starting a program.
//!
//! The program gets the job's parameters as JSON on its standard input and the rest in its environment. What it writes to
//! standard output is the result, if it exits with 0; else the last line of its standard error is the reason.
//!
//! It leads a process group of its own, and the group lives no longer than the job: a cancelled job's group gets SIGTERM,
//! and whatever is left of the group gets SIGKILL when the program has ended or the future is dropped. Only processes
//! that leave the group (`setsid`) outlive it.

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
use super::limits::{HandlerLimits, LEFT_OUT, keep_end, printable_text};
use super::{JobContext, JobHandler, output};
use crate::domain::job::Job;
use crate::domain::job::outcome::Failure;
use crate::domain::values::json::Json;
use crate::domain::values::trace_context::TraceParent;

/// How long output is waited for after the program has ended: something that it left behind may hold the pipes open.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// What the names of the server's own settings in the environment begin with. They hold its secrets, and are not for the
/// programs that it starts.
const SERVER_VARIABLES: &[u8] = b"TICKERQ_";

/// Which program is started, and how.
#[derive(Clone)]
pub struct CommandOptions {
    /// The program: a path, or a name that is looked for in `PATH`.
    pub program: String,
    /// Its arguments, as they are: no shell reads them.
    pub args: Vec<String>,
    /// Where it runs; the server's own folder if nothing else is said.
    pub working_directory: Option<PathBuf>,
    /// Variables that it gets besides the server's own environment, of which `TICKERQ_…` is left out, and the job's.
    pub environment: Vec<(String, String)>,
}

/// Runs jobs by starting a program. See the module.
pub struct CommandHandler {
    options: CommandOptions,
    limits: HandlerLimits,
    /// Variables of the server that the program does not get.
    withheld: Vec<OsString>,
}

impl CommandHandler {
    /// A handler that starts the program in `options`.
    #[expect(
        clippy::disallowed_methods,
        reason = "no setting is read: only the names of what a child must not inherit"
    )]
    pub fn new(options: CommandOptions, limits: HandlerLimits) -> Self {
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
            // The group is killed when the future is dropped; this has the runtime wait for the program then, so that it
            // is no zombie.
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
        // What programs that trace look for; one of the server's own is not about this job.
        match trace_parent {
            Some(place) => command.env("TRACEPARENT", place.to_string()),
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
            // The system is short of something, memory or processes perhaps: that passes.
            Failure::new(format!("the program {program} can't be started now: {error}"))
        }
    }

    /// What came of a program that has ended.
    fn answer(&self, status: ExitStatus, output: &Output) -> Result<Option<Json>, Failure> {
        if status.success() {
            return output::to_result(output.stdout());
        }
        let end = match (status.code(), status.signal()) {
            (Some(code), _) => format!("exited with status {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
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
        // The end is what matters of a log, so this is cut here and not at its end with all other texts.
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
        // Dropped before the child is: the group is ended while its leader still holds the group's number.
        let group = ProcessGroup::led_by(&child);
        let mut output = Output::new(self.limits.result_bytes_max, self.limits.detail_bytes_max);
        let parameters = job.parameters.as_str().as_bytes();
        let status = watch(&mut child, &group, parameters, &mut output, &cancellation)
            .await
            .map_err(|error| match error {
                WatchError::Read(ReadError::TooLarge) => self.limits.result_too_large(),
                WatchError::Read(ReadError::Io(error)) | WatchError::Wait(error) => Failure::new(format!(
                    "the program {} can't be watched: {error}",
                    self.options.program
                )),
            })?;
        // Nothing that a job started outlives it.
        drop(group);
        self.answer(status, &output)
    }
}

/// Why a program can't be followed to its end.
enum WatchError {
    /// Its output can't be read, or there is too much of it.
    Read(ReadError),
    /// It can't be waited for.
    Wait(io::Error),
}

/// Feeds the program, reads what it writes and passes a cancellation on, until it has ended.
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
    // However long that takes: whoever cancelled the job drops this future when the grace time is over.
    child.wait().await
}

fn withheld(names: impl Iterator<Item = OsString>) -> Vec<OsString> {
    names
        .filter(|name| {
            // In any case, as they are read.
            let start = name.as_encoded_bytes().get(..SERVER_VARIABLES.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(SERVER_VARIABLES))
        })
        .collect()
}
