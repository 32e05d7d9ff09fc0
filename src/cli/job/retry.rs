//! `tickerq job retry`.

use clap::Args;

use super::id_argument::IdArgument;
use super::session::Session;
use super::wait::WaitArguments;
use crate::api::contract::request::job_action::RetryRequest;
use crate::cli::error::CliError;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq job retry 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55
  tickerq job retry 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55 --reset-retry-count --wait")]
pub(super) struct RetryArguments {
    #[command(flatten)]
    job: IdArgument,
    /// Reset the number of retries.
    #[arg(long)]
    reset_retry_count: bool,
    #[command(flatten)]
    wait: WaitArguments,
}

pub(super) async fn run(arguments: &RetryArguments, session: &mut Session<'_>) -> Result<(), CliError> {
    let RetryArguments {
        job: IdArgument { id },
        reset_retry_count,
        wait,
    } = arguments;
    let request = RetryRequest {
        reset_retry_count: Some(*reset_retry_count),
    };
    let response = session
        .client
        .post(&["jobs", &id.to_string(), "retry"], &request)
        .await?;
    wait.finish(session, &response, "retrying").await
}
