//! `tickerq cron`: cron expressions, without a server.

mod explain;
mod expression;
mod next;
mod zones;

use clap::{Args, Subcommand};

use super::error::CliError;
use super::output::Output;
use super::settings::ConfigArguments;
use crate::config::zoneinfo;

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
