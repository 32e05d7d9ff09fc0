//! The schema: its roots, limits and extensions.

use async_graphql::extensions::ExtensionFactory;
use async_graphql::{ID, SDLExportOptions, SchemaBuilder, ValidationMode};

use super::context::Services;
use super::execution::budget::ChargeResponses;
use super::mutation::Mutation;
use super::query::Query;
use super::subscription::Subscription;

/// Message of async-graphql for a request that is too complex.
pub(super) const TOO_COMPLEX: &str = "Query is too complex.";

/// The schema.
pub(super) type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    let builder = Schema::build(Query::default(), Mutation::default(), Subscription::default());
    builder.override_output_type_description::<ID>("An opaque id, valid on this server.")
}

/// The schema over these use cases, with limits of depth and complexity.
pub(super) fn build(services: Services, max_depth: usize, max_complexity: usize) -> Schema {
    builder()
        .limit_depth(max_depth)
        .limit_complexity(max_complexity)
        .extension(ChargeResponses)
        .data(services)
        .finish()
}

/// The schema for requests that are not executed: with its limit of complexity alone.
pub(super) fn build_for_complexity(max: usize, extension: impl ExtensionFactory) -> Schema {
    builder()
        .validation_mode(ValidationMode::Fast)
        .limit_complexity(max)
        .extension(extension)
        .finish()
}

/// The schema in the schema definition language, as in `schema.graphql`.
pub(crate) fn sdl() -> String {
    let schema = builder().finish();
    let options = SDLExportOptions::new()
        .include_specified_by()
        .prefer_single_line_descriptions();
    let text = schema.sdl_with_options(options);
    format!("{}\n", text.trim_end())
}
