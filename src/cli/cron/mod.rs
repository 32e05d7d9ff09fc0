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
    /// Print the next run times of an expression in UTC, one per line.
    Next(next::NextArguments),
    /// Describe an expression in words.
    Explain(explain::ExplainArguments),
    /// Print the version and source of the time zone database.
    Zones(zones::ZonesArguments),
}

/// The common arguments.
#[derive(Debug, Args)]
struct ExpressionArguments {
    /// The expression, as one argument: five fields, six with seconds first, or a macro such as @daily.
    #[arg(value_name = "EXPRESSION", value_parser = CronExpression::parse)]
    expression: CronExpression,
    /// The time zone of the expression, such as Europe/Berlin.
    #[arg(long, value_name = "ZONE", default_value_t, value_parser = TimeZoneName::parse)]
    time_zone: TimeZoneName,
}

/// Selects the time zone database of this folder's server, before arguments refer to zones.
pub(super) fn choose_zones() -> Result<(), CliError> {
    // Reading the configuration selects it. Other errors are reported by `config check` and are irrelevant here.
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
