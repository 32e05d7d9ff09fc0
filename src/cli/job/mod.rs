//! `tickerq job`: jobs of a running server.

mod cancel;
mod create;
mod execute;
mod explain;
mod id_argument;
mod list;
mod print;
mod priority_argument;
mod retry;
mod search;
mod session;
mod show;
mod wait;

use clap::{Args, Subcommand};

pub(super) use self::create::read_parameters;
pub(super) use self::priority_argument::priority_parser;
use self::session::Session;
use super::api_client;
use super::api_client::{Client, ClientArguments};
use super::error::CliError;
use super::output::Output;

#[derive(Debug, Args)]
pub(super) struct JobArguments {
    #[command(subcommand)]
    command: JobCommand,
    #[command(flatten, next_help_heading = "Server")]
    pub(super) client: ClientArguments,
}

#[derive(Debug, Subcommand)]
enum JobCommand {
    /// Create a job.
    Create(create::CreateArguments),
    /// List jobs, newest first.
    List(list::ListArguments),
    /// Search for jobs with a filter, newest first.
    Search(search::SearchArguments),
    /// Show the details of a job.
    Show(show::ShowArguments),
    /// Explain why a job does not run.
    Explain(explain::ExplainArguments),
    /// Cancel a pending job, or request a running one to stop.
    Cancel(cancel::CancelArguments),
    /// Retry a failed or cancelled job.
    Retry(retry::RetryArguments),
    /// Run a pending job now, or a finished one again.
    Execute(execute::ExecuteArguments),
}

pub(super) fn run(arguments: JobArguments, output: &mut Output) -> Result<(), CliError> {
    let JobArguments { command, client } = arguments;
    let mut session = Session {
        as_json: client.json,
        client: Client::new(&client)?,
        output,
    };
    api_client::block_on(async {
        match command {
            JobCommand::Create(arguments) => create::run(arguments, &mut session).await,
            JobCommand::List(arguments) => list::run(&arguments, &mut session).await,
            JobCommand::Search(arguments) => search::run(arguments, &mut session).await,
            JobCommand::Show(arguments) => show::run(&arguments, &mut session).await,
            JobCommand::Explain(arguments) => explain::run(&arguments, &mut session).await,
            JobCommand::Cancel(arguments) => cancel::run(&arguments, &mut session).await,
            JobCommand::Retry(arguments) => retry::run(&arguments, &mut session).await,
            JobCommand::Execute(arguments) => execute::run(&arguments, &mut session).await,
        }
    })
}
