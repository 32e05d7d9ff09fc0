//! `tickerq job cancel`.

use clap::Args;
use serde::Serialize;

use super::id_argument::IdArgument;
use super::session::Session;
use crate::cli::api_client::api_types::Job;
use crate::cli::error::CliError;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq job cancel 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")]
pub(super) struct CancelArguments {
    #[command(flatten)]
    job: IdArgument,
}

#[derive(Serialize)]
struct NoFields {}

pub(super) async fn run(arguments: &CancelArguments, session: &mut Session<'_>) -> Result<(), CliError> {
    let id = arguments.job.id.to_string();
    let response = session.client.post(&["jobs", &id, "cancel"], &NoFields {}).await?;
    // A pending job is cancelled at once; a running one receives a request to stop.
    let done = match response.read::<Job>()?.status.as_str() {
        "cancelled" => "cancelled",
        _ => "requested cancellation of",
    };
    session.print_change(&response, done)
}
