//! `tickerq migrate`: brings the database's tables up to date, or takes that back.

use clap::{Args, Subcommand};

use super::error::CliError;
use super::output::Output;
use super::settings::ConfigArguments;
use crate::server::open_database;

#[derive(Debug, Subcommand)]
pub(super) enum MigrateCommand {
    /// Take all steps that the database has not taken. A server does so when it starts.
    #[command(after_help = "Examples:
  tickerq migrate up
  tickerq migrate up --database-url postgres://tickerq@localhost/tickerq")]
    Up(ConfigArguments),
    /// Take back the last steps, and with them what their tables hold.
    #[command(after_help = "Examples:
  tickerq migrate down --steps 1 --yes")]
    Down(DownArguments),
    /// List the steps, and whether the database has taken them.
    #[command(after_help = "Examples:
  tickerq migrate status")]
    Status(ConfigArguments),
}

#[derive(Debug, Args)]
pub(super) struct DownArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// How many steps.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Confirms that the jobs in the tables are lost.
    #[arg(long, required = true)]
    yes: bool,
}

pub(super) fn run(command: MigrateCommand, output: &mut Output) -> Result<(), CliError> {
    actix_web::rt::System::new().block_on(async move {
        let (arguments, down) = match &command {
            MigrateCommand::Up(config) | MigrateCommand::Status(config) => (config, None),
            MigrateCommand::Down(DownArguments { config, steps, yes: _ }) => (config, Some(*steps)),
        };
        let failed = |error: &dyn std::fmt::Display| CliError::Start(error.to_string());
        let database = open_database(&arguments.load(&[])?).await.map_err(|error| failed(&error))?;
        match (&command, down) {
            (MigrateCommand::Up(_), _) => database.migrate_up().await.map_err(|error| failed(&error))?,
            (MigrateCommand::Down(_), steps) => {
                database.migrate_down(steps.unwrap_or(1)).await.map_err(|error| failed(&error))?;
            }
            (MigrateCommand::Status(_), _) => {}
        }
        for state in database.migration_states().await.map_err(|error| failed(&error))? {
            let word = if state.is_applied { "applied" } else { "pending" };
            output.line(&format!("{word}  {}", state.name))?;
        }
        Ok(())
    })
}
