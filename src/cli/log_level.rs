//! `tickerq log-level`: the log level of a running server.

use clap::Args;
use serde::Serialize;

use super::api_client;
use super::api_client::api_types;
use super::api_client::{Client, ClientArguments};
use super::error::CliError;
use super::output::Output;
use crate::log_level::LogLevel;

/// Get or set the log level of a running server.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tickerq log-level
  tickerq log-level debug
  tickerq log-level info,tickerq=debug --server http://127.0.0.1:8080")]
pub(super) struct LogLevelArguments {
    /// New level until the next restart: off, error, warn, info, debug, trace, or directives.
    #[arg(value_parser = LogLevel::parse)]
    level: Option<LogLevel>,
    #[command(flatten, next_help_heading = "Server")]
    pub(super) client: ClientArguments,
}

#[derive(Serialize)]
struct LogLevelRequest<'a> {
    level: &'a str,
}

pub(super) fn run(arguments: LogLevelArguments, output: &mut Output) -> Result<(), CliError> {
    let LogLevelArguments { level, client } = arguments;
    let as_json = client.json;
    let client = Client::new(&client)?;
    let response = api_client::block_on(async {
        let path = ["log-level"];
        match &level {
            None => client.get(&path, &[]).await,
            Some(level) => {
                let request = LogLevelRequest { level: level.as_str() };
                client.put(&path, &request).await
            }
        }
    })?;
    if as_json {
        return output.line(response.text.trim_end());
    }
    let api_types::LogLevel { level } = response.read()?;
    output.line(&level)
}
