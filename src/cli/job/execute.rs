//! `tickerq job execute`.

use clap::Args;
use serde::Serialize;

use super::id_argument::IdArgument;
use super::print;
use super::session::Session;
use super::wait::WaitArguments;
use crate::cli::error::CliError;
use crate::domain::values::time_span::TimeSpan;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq job execute 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55 --wait
  tickerq job execute 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55 --priority high --delay 00:05:00")]
pub(super) struct ExecuteArguments {
    #[command(flatten)]
    job: IdArgument,
    /// New priority of the job.
    #[arg(long, value_parser = print::PRIORITIES, ignore_case = true)]
    priority: Option<String>,
    /// Delay before it is due, such as 5m, 00:05:00 or PT5M.
    #[arg(long, value_name = "DURATION", value_parser = TimeSpan::parse)]
    delay: Option<TimeSpan>,
    #[command(flatten)]
    wait: WaitArguments,
}

#[derive(Serialize)]
struct ExecuteRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
}

pub(super) async fn run(arguments: &ExecuteArguments, session: &mut Session<'_>) -> Result<(), CliError> {
    let ExecuteArguments {
        job: IdArgument { id },
        priority,
        delay,
        wait,
    } = arguments;
    let request = ExecuteRequest {
        priority: priority.as_ref().map(|word| word.to_ascii_lowercase()),
        delay: delay.map(|delay| delay.to_string()),
    };
    let answer = session
        .client
        .post(&["jobs", &id.to_string(), "execute"], &request)
        .await?;
    wait.finish(session, &answer, "executing").await
}
