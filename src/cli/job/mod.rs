//! `tickerq job`: jobs of a running server.

mod cancel;
mod create;
mod execute;
mod list;
mod print;
mod retry;
mod show;
mod wait;

use clap::{Args, Subcommand};

pub(super) use self::create::read_parameters;
pub(super) use self::print::PRIORITIES;

use super::api_client;
use super::api_client::api_types::Job;
use super::api_client::{Answer, Client, ClientArguments};
use super::error::CliError;
use super::output::Output;
use crate::domain::values::id::JobId;

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
    /// Show the details of a job.
    Show(show::ShowArguments),
    /// Cancel a pending job, or request a running one to stop.
    Cancel(cancel::CancelArguments),
    /// Retry a failed or cancelled job.
    Retry(retry::RetryArguments),
    /// Run a pending job now, or a finished one again.
    Execute(execute::ExecuteArguments),
}

/// The argument of subcommands for one job.
#[derive(Debug, Args)]
struct IdArgument {
    /// The job's id.
    #[arg(value_parser = JobId::parse)]
    id: JobId,
}

/// The client and the output of a subcommand.
struct Session<'a> {
    client: Client,
    as_json: bool,
    output: &'a mut Output,
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
            JobCommand::Show(arguments) => show::run(&arguments, &mut session).await,
            JobCommand::Cancel(arguments) => cancel::run(&arguments, &mut session).await,
            JobCommand::Retry(arguments) => retry::run(&arguments, &mut session).await,
            JobCommand::Execute(arguments) => execute::run(&arguments, &mut session).await,
        }
    })
}

impl Session<'_> {
    /// Prints the result of a change: one line, or the complete JSON.
    fn print_change(&mut self, answer: &Answer, done: &str) -> Result<(), CliError> {
        if self.as_json {
            return self.output.line(answer.text.trim_end());
        }
        let job: Job = answer.read()?;
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
