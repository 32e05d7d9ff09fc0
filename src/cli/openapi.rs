//! `tickerq openapi`: prints the OpenAPI document.

use super::error::CliError;
use super::output::Output;
use super::settings::ConfigArguments;
use crate::api::rest::openapi;

pub(super) fn run(arguments: &ConfigArguments, output: &mut Output) -> Result<(), CliError> {
    let config = arguments.load(&[])?;
    let text = openapi::text(&config.api.rest).map_err(|error| CliError::System(error.to_string()))?;
    output.line(&text)
}
