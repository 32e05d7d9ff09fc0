//! `tickerq job show`.

use clap::Args;

use super::id_argument::IdArgument;
use super::print;
use super::session::Session;
use crate::cli::error::CliError;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq job show 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55
  tickerq job show 01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55 --json | jq .result")]
pub(super) struct ShowArguments {
    #[command(flatten)]
    job: IdArgument,
}

pub(super) async fn run(arguments: &ShowArguments, session: &mut Session<'_>) -> Result<(), CliError> {
    let id = arguments.job.id.to_string();
    let response = session.client.get(&["jobs", &id], &[]).await?;
    if session.as_json {
        return session.output.line(response.text.trim_end());
    }
    print::details(&response.read()?, session.output)
}
