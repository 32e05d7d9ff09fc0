//! The command line: a file per subcommand.
//!
//! `job`, `recurring`, `queue`, `node`, `operation` and `log-level` are clients of a running server: they use only its REST API.

mod api_client;
mod completions;
mod config;
mod cron;
mod documents;
mod error;
mod job;
mod key;
mod log_level;
mod migrate;
mod node;
mod operation;
mod output;
mod queue;
mod recurring;
mod serve;
mod server_environment;
mod settings;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::api_client::{ClientArguments, LeadingClientArguments};
use self::error::CliError;
use self::output::Output;

/// Background-job server: jobs over REST from any language, stored durably, executed, retried and reported.
#[derive(Debug, Parser)]
#[command(name = "tickerq", version, about, propagate_version = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten, next_help_heading = "Server")]
    client: LeadingClientArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(self::serve::ServeArguments),
    /// Apply, revert or list migrations of the database.
    #[command(subcommand)]
    Migrate(migrate::MigrateCommand),
    /// Print the OpenAPI 3.1 document.
    Openapi(settings::ConfigArguments),
    /// Print the GraphQL schema.
    Schema,
    /// Validate or show the configuration.
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Create, list, show, cancel, retry and execute jobs of a running server.
    Job(job::JobArguments),
    /// Create, replace, show and delete recurring jobs of a running server by key.
    Recurring(recurring::RecurringArguments),
    /// List, pause, resume and clear queues of a running server.
    Queue(queue::QueueArguments),
    /// Change all jobs that a filter selects: preview, start, follow, pause, undo.
    Operation(operation::OperationArguments),
    /// List, drain and resume the servers that share a running server's storage.
    Node(node::NodeArguments),
    /// Get or set the log level of a running server.
    LogLevel(log_level::LogLevelArguments),
    /// Manage API keys.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Inspect cron expressions.
    Cron(cron::CronArguments),
    /// Print a completion script for a shell.
    Completions(completions::CompletionsArguments),
}

/// Runs the command of this process's arguments, and returns its exit code: 0, 1 for a failure, 2 for invalid
/// arguments.
pub fn main() -> ExitCode {
    // Options before this subcommand are rejected: it uses no server.
    if std::env::args_os().nth(1).is_some_and(|command| command == "cron")
        && let Err(error) = cron::choose_zones()
    {
        return report(&error);
    }
    let arguments = match parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let mut output = Output::of_this_process();
    let result = run(arguments, &mut output);
    // Output before a failure is printed too; the failure itself takes precedence.
    let flushed = output.finish();
    match result.and(flushed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// Prints the error, and returns the exit code.
fn report(error: &CliError) -> ExitCode {
    // `tickerq job list | head`: the reader has closed the pipe.
    if error.is_closed_pipe() {
        return ExitCode::SUCCESS;
    }
    error.messages().iter().for_each(|message| output::error(message));
    error.exit_code()
}

/// Parses the arguments; options of the client may be before or after the subcommand.
fn parse(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Command, clap::Error> {
    let matches = Arguments::command().try_get_matches_from(arguments)?;
    let Arguments { mut command, client } = Arguments::from_arg_matches(&matches)?;
    let Some(flag) = client.given() else {
        return Ok(command);
    };
    match (command.client(), matches.subcommand()) {
        (Some(own), Some((_, matches))) => client.apply(own, matches),
        (Some(_) | None, _) => {
            let detail = format!(
                "{flag} requires a command for a running server: job, recurring, queue, node, operation, log-level"
            );
            return Err(Arguments::command().error(ErrorKind::ArgumentConflict, detail));
        }
    }
    Ok(command)
}

impl Command {
    /// The options of commands that call a running server.
    const fn client(&mut self) -> Option<&mut ClientArguments> {
        match self {
            Self::Job(arguments) => Some(&mut arguments.client),
            Self::Recurring(arguments) => Some(&mut arguments.client),
            Self::Queue(arguments) => Some(&mut arguments.client),
            Self::Node(arguments) => Some(&mut arguments.client),
            Self::Operation(arguments) => Some(&mut arguments.client),
            Self::LogLevel(arguments) => Some(&mut arguments.client),
            Self::Serve(_)
            | Self::Migrate(_)
            | Self::Openapi(_)
            | Self::Schema
            | Self::Config(_)
            | Self::Key(_)
            | Self::Cron(_)
            | Self::Completions(_) => None,
        }
    }
}

fn run(command: Command, output: &mut Output) -> Result<(), CliError> {
    match command {
        Command::Serve(arguments) => {
            self::server_environment::hand_over();
            self::serve::run(arguments)
        }
        Command::Migrate(command) => migrate::run(command, output),
        Command::Openapi(arguments) => documents::openapi(&arguments, output),
        Command::Schema => documents::schema(output),
        Command::Config(command) => config::run(command, output),
        Command::Job(arguments) => job::run(arguments, output),
        Command::Recurring(arguments) => recurring::run(arguments, output),
        Command::Queue(arguments) => queue::run(arguments, output),
        Command::Node(arguments) => node::run(arguments, output),
        Command::Operation(arguments) => operation::run(arguments, output),
        Command::LogLevel(arguments) => log_level::run(arguments, output),
        Command::Key(command) => key::run(command, output),
        Command::Cron(arguments) => cron::run(arguments, output),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command(), output),
    }
}

#[cfg(test)]
mod tests;
