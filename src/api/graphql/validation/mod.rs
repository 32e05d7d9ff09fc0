//! Rules of the GraphQL specification that async-graphql does not check.

pub(crate) mod input_types;
pub(crate) mod literals;
pub(crate) mod subscriptions;
pub(crate) mod variable_positions;
pub(crate) mod variables;
