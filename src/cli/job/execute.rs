//! `tickerq job execute`.

use clap::Args;

use super::id_argument::IdArgument;
use super::priority_argument::priority_parser;
use super::session::Session;
use super::wait::WaitArguments;
use crate::api::contract::field_values::{Parsed, PriorityValue};
use crate::api::contract::request::job_action::ExecuteRequest;
use crate::cli::error::CliError;
use crate::domain::job::priority::Priority;
use crate::domain::values::time_span::TimeSpan;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq job execute 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55 --wait
  tickerq job execute 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55 --priority high --delay 00:05:00")]
pub(super) struct ExecuteArguments {
    #[command(flatten)]
    job: IdArgument,
    /// New priority of the job.
    #[arg(long, value_parser = priority_parser(), ignore_case = true)]
    priority: Option<Priority>,
    /// Delay before it is due, such as 5m, 00:05:00 or PT5M.
    #[arg(long, value_name = "DURATION", value_parser = TimeSpan::parse)]
    delay: Option<TimeSpan>,
    #[command(flatten)]
    wait: WaitArguments,
}

pub(super) async fn run(arguments: &ExecuteArguments, session: &mut Session<'_>) -> Result<(), CliError> {
    let ExecuteArguments {
        job: IdArgument { id },
        priority,
        delay,
        wait,
    } = arguments;
    let request = ExecuteRequest {
        priority: priority.map(PriorityValue),
        delay: delay.map(Parsed),
        run_at: None,
    };
    let response = session
        .client
        .post(&["jobs", &id.to_string(), "execute"], &request)
        .await?;
    wait.finish(session, &response, "executing").await
}
