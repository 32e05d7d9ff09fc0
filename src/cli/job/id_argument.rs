//! The job of a subcommand.

use clap::Args;

use crate::domain::values::id::JobId;

/// The argument of subcommands for one job.
#[derive(Debug, Args)]
pub(super) struct IdArgument {
    /// The job's id.
    #[arg(value_parser = JobId::parse)]
    pub(super) id: JobId,
}
