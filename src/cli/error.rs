//! Errors of the command line and their exit codes.

use std::io;
use std::process::ExitCode;

use super::api_client::problem::Problem;
use crate::config::loader::source::ConfigErrors;

/// Error of a subcommand.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    /// The configuration is invalid.
    #[error("{0}")]
    Config(#[from] ConfigErrors),
    /// An argument is invalid.
    #[error("{0}")]
    Usage(String),
    /// The server is not reachable.
    #[error("no connection to {address}: {reason}; is the server running? (address: --server or TICKERQ_SERVER)")]
    NoConnection {
        /// The URL of the request.
        address: String,
        /// The cause.
        reason: String,
    },
    /// The server has rejected the request.
    #[error("{0}")]
    Refused(Problem),
    /// The response is not one of this API.
    #[error("{address} responded with {status}, which is not a response of this API: {reason}")]
    NotTheApi {
        /// The URL of the request.
        address: String,
        /// The status of the response.
        status: u16,
        /// The cause.
        reason: String,
    },
    /// The awaited job did not complete.
    #[error("job {id} {ended}")]
    NotCompleted {
        /// The id of the job.
        id: String,
        /// Its status, and the reason.
        ended: String,
    },
    /// The bulk operation did not complete.
    #[error("operation {id} is {status}")]
    OperationEnded {
        /// The id of the operation.
        id: String,
        /// Its status.
        status: String,
    },
    /// The user declined to start an operation, or there is no terminal for the confirmation.
    #[error("not confirmed; nothing was changed (--yes skips the confirmation)")]
    NotStarted,
    /// The user declined, or there is no terminal for the confirmation.
    #[error("not confirmed; nothing was deleted (--yes skips the confirmation)")]
    NotConfirmed,
    /// The process itself failed: no threads, no random numbers.
    #[error("{0}")]
    System(String),
    /// The server or its database failed to start.
    #[error("{0}")]
    Start(String),
    /// A second signal arrived during the shutdown.
    #[error("stopped immediately; running jobs are requeued on the next start")]
    StoppedAtOnce,
    /// Standard output was closed or is broken.
    #[error("failed to write to standard output: {0}")]
    Output(io::Error),
}

impl CliError {
    /// `true` if the reader of standard output has closed it.
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
            | Self::NotStarted
            | Self::OperationEnded { .. }
            | Self::System(_)
            | Self::Start(_)
            | Self::StoppedAtOnce
            | Self::Output(_) => ExitCode::FAILURE,
        }
    }

    /// The messages for standard error, one for each error of a configuration.
    pub(super) fn messages(&self) -> Vec<String> {
        match self {
            Self::Config(ConfigErrors(errors)) => errors.iter().map(ToString::to_string).collect(),
            Self::Usage(_)
            | Self::NoConnection { .. }
            | Self::Refused(_)
            | Self::NotTheApi { .. }
            | Self::NotCompleted { .. }
            | Self::NotConfirmed
            | Self::NotStarted
            | Self::OperationEnded { .. }
            | Self::System(_)
            | Self::Start(_)
            | Self::StoppedAtOnce
            | Self::Output(_) => vec![self.to_string()],
        }
    }
}
