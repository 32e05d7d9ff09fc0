//! Idempotency keys of mutations.

use async_graphql::{Context, Result};

use crate::api::contract::idempotency_key::{allowed, is_key};
use crate::api::graphql::errors;
use crate::service::idempotency::IdempotencyKey;

/// The caller's key for this field, if the request has one. Requests with the same arguments are the same request.
pub(super) fn key_of(ctx: &Context<'_>, given: Option<String>) -> Result<Option<IdempotencyKey>> {
    let Some(key) = given else { return Ok(None) };
    if !is_key(&key) {
        return Err(errors::invalid(
            "idempotencyKey",
            &format!("it is not an idempotency key; {}", allowed()),
        ));
    }
    // The arguments were parsed before, or this field would not be resolved.
    let arguments = ctx
        .field()
        .arguments()
        .map_err(|error| errors::invalid("idempotencyKey", &error.message))?;
    let operation = ctx.field().name();
    Ok(Some(IdempotencyKey {
        key: format!("graphql {operation}\n{key}"),
        // Values of GraphQL always serialize as JSON.
        request: serde_json::to_vec(&arguments).unwrap_or_default(),
    }))
}
