//! `tickerq cron`: cron expressions, without a server.

mod explain;
mod next;
mod zones;

use clap::{Args, Subcommand};

use super::error::CliError;
use super::output::Output;
use super::settings::ConfigArguments;
use crate::config::zoneinfo;
use crate::domain::cron::CronExpression;
use crate::domain::values::time_zone::TimeZoneName;

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
    /// Show the version and the source of the time zone database.
    Zones(zones::ZonesArguments),
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

/// Chooses the time zone database that the server of this folder would use, before arguments name zones.
pub(super) fn choose_zones() -> Result<(), CliError> {
    // Reading the configuration chooses them. Other mistakes in it are reported by `config check`, and say nothing of cron.
    match ConfigArguments::of_environment().load(&[]) {
        Err(CliError::Config(errors)) if errors.are_about("time_zones") => Err(CliError::Config(errors)),
        Ok(_) | Err(_) => zoneinfo::install(None).map_err(|error| CliError::Usage(error.to_string())),
    }
}

pub(super) fn run(arguments: CronArguments, output: &mut Output) -> Result<(), CliError> {
    let CronArguments { command } = arguments;
    match command {
        CronCommand::Next(arguments) => next::run(&arguments, output),
        CronCommand::Explain(arguments) => explain::run(&arguments, output),
        CronCommand::Zones(arguments) => zones::run(&arguments, output),
    }
}
