//! `tickerq schema`: prints the GraphQL schema.

use super::error::CliError;
use super::output::Output;
use crate::api::graphql::sdl;

pub(super) fn run(output: &mut Output) -> Result<(), CliError> {
    output.line(sdl().trim_end())
}
