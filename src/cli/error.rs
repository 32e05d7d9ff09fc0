//! What can go wrong on the command line, and the exit code that says so.

use std::io;
use std::process::ExitCode;

use super::api_client::problem::Problem;
use crate::config::loader::source::ConfigErrors;

/// Why a subcommand ended without having done its work.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The configuration has mistakes.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// An argument was read and cannot be used.
    #[error("{0}")]
    Usage(String),
    /// The server was not reached.
    #[error("no connection to {address}: {reason}; is the server running? (--server or TICKERQ_SERVER says where)")]
    NoConnection {
        /// What was tried.
        address: String,
        /// Why it failed.
        reason: String,
    },
    /// The server said no.
    #[error("{0}")]
    Refused(Problem),
    /// Something answered that is not this API.
    #[error("{address} answered {status}, which is not an answer of this API: {reason}")]
    NotTheApi {
        /// What was asked.
        address: String,
        /// The status of the answer.
        status: u16,
        /// What is wrong with it.
        reason: String,
    },
    /// The job that was waited for did not complete.
    #[error("job {id} {ended}")]
    NotCompleted {
        /// Which one.
        id: String,
        /// How it ended, and why.
        ended: String,
    },
    /// The user declined, or could not be asked.
    #[error("not confirmed; nothing was deleted (--yes skips the question)")]
    NotConfirmed,
    /// The process itself failed: no threads, no random numbers.
    #[error("{0}")]
    System(String),
    /// The server or its database could not be started.
    #[error("{0}")]
    Start(String),
    /// A second signal came while the server was stopping.
    #[error("stopped at once; what was running runs again when the server starts")]
    StoppedAtOnce,
    /// Standard output was closed or is broken.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
}

impl CliError {
    /// Whether the reader of standard output has closed it.
    pub(super) fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The exit code of the program.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Config(_)
            | Self::NoConnection { .. }
            | Self::Refused(_)
            | Self::NotTheApi { .. }
            | Self::NotCompleted { .. }
            | Self::NotConfirmed
            | Self::System(_)
            | Self::Start(_)
            | Self::StoppedAtOnce
            | Self::Output(_) => ExitCode::FAILURE,
        }
    }

    /// The messages for standard error, one for each mistake of a configuration.
    pub(super) fn messages(&self) -> Vec<String> {
        match self {
            Self::Config(ConfigErrors(errors)) => errors.iter().map(ToString::to_string).collect(),
            Self::Usage(_)
            | Self::NoConnection { .. }
            | Self::Refused(_)
            | Self::NotTheApi { .. }
            | Self::NotCompleted { .. }
            | Self::NotConfirmed
            | Self::System(_)
            | Self::Start(_)
            | Self::StoppedAtOnce
            | Self::Output(_) => vec![self.to_string()],
        }
    }
}
