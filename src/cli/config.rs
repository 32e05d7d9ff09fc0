//! `tickerq config`: checks or shows the configuration.

use clap::Subcommand;

use super::error::CliError;
use super::output;
use super::output::Output;
use super::settings::ServerSettings;
use crate::server;

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Validate the configuration: print whether the server would start, or all errors.
    #[command(after_help = "Examples:
  tickerq config check
  tickerq config check --config /etc/tickerq.toml
  TICKERQ_DATABASE__URL=postgres://localhost/jobs tickerq config check")]
    Check(ServerSettings),
    /// Print the complete configuration as TOML, with hidden secrets and the source of each value.
    #[command(after_help = "Examples:
  tickerq config show
  tickerq config show --config /etc/tickerq.toml | grep TICKERQ_     # what the environment changes")]
    Show(ServerSettings),
}

pub(super) fn run(command: ConfigCommand, output: &mut Output) -> Result<(), CliError> {
    match command {
        ConfigCommand::Check(settings) => {
            let config = settings.load()?;
            let found = server::check(&config).map_err(|error| CliError::Start(error.to_string()))?;
            for warning in found.into_iter().chain(server::warnings(&config)) {
                output::warning(&warning);
            }
            output.line(&format!("{}: ok", settings.describe()))
        }
        ConfigCommand::Show(settings) => output.bytes(settings.load()?.to_toml().as_bytes()),
    }
}
