//! `tickerq cron`: cron expressions, without a server.

mod explain;
mod next;

use clap::{Args, Subcommand};

use super::error::CliError;
use super::output::Output;
use crate::domain::cron::CronExpression;
use crate::domain::time_zone::TimeZoneName;

#[derive(Debug, Args)]
pub(super) struct CronArguments {
    #[command(subcommand)]
    command: CronCommand,
}

#[derive(Debug, Subcommand)]
enum CronCommand {
    /// Print the next times at which an expression runs, in UTC, one a line.
    Next(next::NextArguments),
    /// Say in words what an expression means.
    Explain(explain::ExplainArguments),
}

/// The arguments of both.
#[derive(Debug, Args)]
struct ExpressionArguments {
    /// The expression, as one argument: five fields, six with seconds first, or a macro such as @daily.
    #[arg(value_name = "EXPRESSION", value_parser = CronExpression::parse)]
    expression: CronExpression,
    /// The time zone in which it is meant, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", default_value_t, value_parser = TimeZoneName::parse)]
    time_zone: TimeZoneName,
}

pub(super) fn run(arguments: CronArguments, output: &mut Output) -> Result<(), CliError> {
    let CronArguments { command } = arguments;
    match command {
        CronCommand::Next(arguments) => next::run(&arguments, output),
        CronCommand::Explain(arguments) => explain::run(&arguments, output),
    }
}
