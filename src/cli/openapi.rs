//! `tickerq openapi`: prints the API's description.

use super::error::CliError;
use super::output::Output;
use super::settings::ConfigArguments;
use crate::api::rest::openapi;
use crate::server::rest_options;

pub(super) fn run(arguments: &ConfigArguments, output: &mut Output) -> Result<(), CliError> {
    let config = arguments.load(&[])?;
    let text = openapi::text(&rest_options(&config)).map_err(|error| CliError::System(error.to_string()))?;
    output.line(&text)
}
