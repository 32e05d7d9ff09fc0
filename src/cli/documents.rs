//! `tickerq openapi` and `tickerq schema`: print the documents of the API.

use super::error::CliError;
use super::output::Output;
use super::settings::ConfigArguments;
use crate::api::graphql::sdl;
use crate::api::rest::openapi;

/// Prints the OpenAPI document.
pub(super) fn openapi(arguments: &ConfigArguments, output: &mut Output) -> Result<(), CliError> {
    let config = arguments.load(&[])?;
    let text = openapi::text(&config.api.rest).map_err(|error| CliError::System(error.to_string()))?;
    output.line(&text)
}

/// Prints the GraphQL schema.
pub(super) fn schema(output: &mut Output) -> Result<(), CliError> {
    output.line(sdl().trim_end())
}
