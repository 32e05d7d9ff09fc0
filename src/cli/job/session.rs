//! The client and the output of the subcommands.

use super::print;
use crate::cli::api_client::api_types::Job;
use crate::cli::api_client::{ApiResponse, Client};
use crate::cli::error::CliError;
use crate::cli::output::Output;

/// The client and the output of a subcommand.
pub(super) struct Session<'a> {
    pub(super) client: Client,
    pub(super) as_json: bool,
    pub(super) output: &'a mut Output,
}

impl Session<'_> {
    /// Prints the result of a change: one line, or the complete JSON.
    pub(super) fn print_change(&mut self, response: &ApiResponse, done: &str) -> Result<(), CliError> {
        if self.as_json {
            return self.output.line(response.text.trim_end());
        }
        let job: Job = response.read()?;
        let job_type = job.job_type.as_ref().map(|job_type| format!(" ({job_type})"));
        self.output.line(&format!(
            "{done} {}{}, {}",
            job.id,
            job_type.unwrap_or_default(),
            print::summary(&job)
        ))?;
        let mut warnings = job.warnings.iter();
        warnings.try_for_each(|warning| self.output.line(&format!("warning: {warning}")))
    }
}
