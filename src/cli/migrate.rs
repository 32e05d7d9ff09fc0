//! `tickerq migrate`: migrations of the database.

use clap::{Args, Subcommand};

use super::error::CliError;
use super::output::Output;
use super::settings::ConfigArguments;
use crate::server::{migration_states, open_database};
use crate::storage::repository::JobStore;
use crate::storage::sea::MigrationState;

#[derive(Debug, Subcommand)]
pub(super) enum MigrateCommand {
    /// Apply pending migrations. A server applies them when it starts.
    #[command(after_help = "Examples:
  tickerq migrate up
  tickerq migrate up --database-url postgres://tickerq@localhost/tickerq")]
    Up(ConfigArguments),
    /// Revert the last migrations, which deletes the contents of their tables.
    #[command(after_help = "Examples:
  tickerq migrate down --steps 1 --yes")]
    Down(DownArguments),
    /// List migrations and whether they are applied. Read-only; works beside a running server.
    #[command(after_help = "Examples:
  tickerq migrate status")]
    Status(ConfigArguments),
}

#[derive(Debug, Args)]
pub(super) struct DownArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Number of migrations.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Confirm that the jobs in the tables are lost.
    #[arg(long, required = true)]
    yes: bool,
}

pub(super) fn run(command: MigrateCommand, output: &mut Output) -> Result<(), CliError> {
    actix_web::rt::System::new().block_on(async move {
        let failed = |error: &dyn std::fmt::Display| CliError::Start(error.to_string());
        let (arguments, down) = match &command {
            MigrateCommand::Status(arguments) => {
                let states = migration_states(&arguments.load(&[])?).await;
                return show(&states.map_err(|error| failed(&error))?, output);
            }
            MigrateCommand::Up(arguments) => (arguments, None),
            MigrateCommand::Down(DownArguments { config, steps, yes: _ }) => (config, Some(*steps)),
        };
        let database = open_database(&arguments.load(&[])?)
            .await
            .map_err(|error| failed(&error))?;
        let migrated = match down {
            None => database.migrate_up().await,
            Some(steps) => database.migrate_down(steps).await,
        };
        let states = database.migration_states().await;
        database.close().await;
        migrated.map_err(|error| failed(&error))?;
        show(&states.map_err(|error| failed(&error))?, output)
    })
}

fn show(states: &[MigrationState], output: &mut Output) -> Result<(), CliError> {
    for state in states {
        let word = match (state.is_known, state.is_applied) {
            (true, true) => "applied",
            (true, false) => "pending",
            (false, _) => "unknown",
        };
        output.line(&format!("{word}  {}", state.name))?;
    }
    if states.iter().any(|state| !state.is_known) {
        output.line(&format!(
            "the database was migrated by a newer version of tickerq; this is {}",
            env!("CARGO_PKG_VERSION")
        ))?;
    }
    Ok(())
}
