//! Errors of GraphQL: a message for users, and `extensions` for programs.
//!
//! `code` is the last part of the `type` of REST's problems, `kind` separates refusals (errors of the caller) from
//! faults (errors of the server), `field` is the invalid argument, `allowed` the values that it accepts.

use async_graphql::{Error, ErrorExtensionValues, Name, Value};

use crate::api::auth::whole_seconds;
use crate::api::contract::field_error::FieldError;
use crate::api::problem::{PartError, Place, Problem};
use crate::service::error::ServiceError;

/// Maximum number of errors that are reported for one batch.
const PARTS_MAX: usize = 100;

impl From<ServiceError> for Error {
    fn from(error: ServiceError) -> Self {
        of_service(error, |field, _| field.to_owned())
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        of_field(&error, "")
    }
}

/// A service's error; `place_of` maps the name of a field and its index in a batch to its path in the arguments.
pub(super) fn of_service(error: ServiceError, place_of: impl Fn(&str, Option<usize>) -> String) -> Error {
    let more = match &error {
        ServiceError::InvalidTransition(refused) => Some(("allowed", Value::from(refused.allowed))),
        ServiceError::Forbidden(refused) => Some(("scope", Value::from(&*refused.scope))),
        ServiceError::ReplayGone { ids, is_recurring: _ } => {
            ids.first().map(|id| ("jobId", Value::from(id.to_string())))
        }
        ServiceError::RecurringKeyExists { revision } => Some(("revision", Value::from(*revision))),
        ServiceError::PreconditionFailed { actual } => actual.map(|actual| ("revision", Value::from(actual))),
        ServiceError::NoSuchJob { .. }
        | ServiceError::NoSuchRecurringJob { .. }
        | ServiceError::NoSuchRecurringKey { .. }
        | ServiceError::NoSuchQueue { .. }
        | ServiceError::NoSuchEndpoint { .. }
        | ServiceError::NoSuchDelivery { .. }
        | ServiceError::ConfiguredEndpoint { .. }
        | ServiceError::EndpointDisabled { .. }
        | ServiceError::TooManyEndpoints { .. }
        | ServiceError::ConfiguredQueue { .. }
        | ServiceError::QueueInUse { .. }
        | ServiceError::Unsupported { .. }
        | ServiceError::WebhooksOff
        | ServiceError::LogNotOwned
        | ServiceError::FeedOff
        | ServiceError::FeedGap
        | ServiceError::NoSuchWorker { .. }
        | ServiceError::TooManyWorkers { .. }
        | ServiceError::ForeignWorker { .. }
        | ServiceError::ReservedTypes { .. }
        | ServiceError::NoSuchNode { .. }
        | ServiceError::NoSuchFailure { .. }
        | ServiceError::NoSuchOperation { .. }
        | ServiceError::StaleToken
        | ServiceError::PopulationChanged { .. }
        | ServiceError::InvalidOperationChange(_)
        | ServiceError::TooManyOperations { .. }
        | ServiceError::Stopping
        | ServiceError::WorkerLeaseOver { .. }
        | ServiceError::AttemptsLost { .. }
        | ServiceError::Contended
        | ServiceError::UniqueKeyTaken { .. }
        | ServiceError::RecurringKeyTaken { .. }
        | ServiceError::IdempotencyMismatch
        | ServiceError::Invalid { .. }
        | ServiceError::QueueFull { .. }
        | ServiceError::NoLeaseMemory
        | ServiceError::CallerLimit { .. }
        | ServiceError::OverCallerLimit { .. }
        | ServiceError::Busy { .. }
        | ServiceError::RateLimited(_)
        | ServiceError::ReadsBusy { .. }
        | ServiceError::StorageBusy { .. }
        | ServiceError::ChangesBusy { .. }
        | ServiceError::ReadTimedOut { .. }
        | ServiceError::Unavailable { .. }
        | ServiceError::StorageFault { .. }
        | ServiceError::Internal { .. } => None,
    };
    let problem = Problem::of_service(error, |field, index| {
        format!("/{}", place_of(field, index).replace('.', "/"))
    });
    let mut error = of_problem(&problem);
    if let (Some((name, value)), Some(extensions)) = (more, &mut error.extensions) {
        extensions.set(name, value);
    }
    error
}

/// The errors of a batch as one error.
pub(super) fn of_batch(errors: Vec<ServiceError>, place_of: impl Fn(&str, Option<usize>) -> String) -> Error {
    let mut errors = errors.into_iter().map(|error| of_service(error, &place_of));
    let Some(mut first) = errors.next() else {
        return of_problem(&Problem::unavailable("the batch failed without an error"));
    };
    let others: Vec<Value> = errors.take(PARTS_MAX).map(|error| Value::from(error.message)).collect();
    if let (false, Some(extensions)) = (others.is_empty(), &mut first.extensions) {
        extensions.set("others", Value::List(others));
    }
    first
}

/// Error of an invalid field of the argument `root`.
pub(super) fn of_field(FieldError { path, detail }: &FieldError, root: &str) -> Error {
    let place = path.replace('/', ".");
    invalid(format!("{root}{place}").trim_start_matches('.'), detail)
}

/// Argument of an invalid part of a request.
fn argument_of(part: &PartError) -> String {
    match &part.place {
        Place::Pointer(pointer) => pointer.trim_start_matches(['#', '/']).replace('/', "."),
        Place::Parameter(name) | Place::Header(name) => name.clone(),
    }
}

/// Error of an invalid value. The detail states the problem and, after a semicolon or as expected, the allowed values.
pub(super) fn invalid(field: &str, detail: &str) -> Error {
    let mut extensions = extensions("validation", false);
    extensions.set("field", field);
    if let Some(allowed) = allowed(detail) {
        extensions.set("allowed", allowed);
    }
    Error {
        message: detail.to_owned(),
        source: None,
        extensions: Some(extensions),
    }
}

/// A REST problem as a GraphQL error.
pub(super) fn of_problem(problem: &Problem) -> Error {
    let mut extensions = extensions(problem.code(), problem.is_fault());
    if let [part, ..] = problem.parts() {
        let located = invalid(&argument_of(part), &part.detail);
        if let Some(located) = located.extensions {
            for name in ["field", "allowed"] {
                if let Some(value) = located.get(name) {
                    extensions.set(name, value.clone());
                }
            }
        }
    }
    if let Some(wait) = problem.retry_after() {
        extensions.set("retryAfter", whole_seconds(wait));
    }
    Error {
        message: problem.detail().to_owned(),
        source: None,
        extensions: Some(extensions),
    }
}

/// The extensions that every error has.
pub(super) fn extensions(code: &str, is_fault: bool) -> ErrorExtensionValues {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    let kind = if is_fault { "FAULT" } else { "REFUSAL" };
    extensions.set("kind", Value::Enum(Name::new(kind)));
    extensions
}

fn allowed(detail: &str) -> Option<&str> {
    let allowed = detail.rsplit_once("; ").or_else(|| detail.rsplit_once(", expected "));
    allowed.map(|(_, allowed)| allowed)
}

/// The object, or null if it is not found.
pub(super) fn if_any<T>(read: Result<T, ServiceError>) -> async_graphql::Result<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(
            ServiceError::NoSuchJob { .. }
            | ServiceError::NoSuchRecurringJob { .. }
            | ServiceError::NoSuchRecurringKey { .. }
            | ServiceError::NoSuchQueue { .. }
            | ServiceError::NoSuchEndpoint { .. }
            | ServiceError::NoSuchDelivery { .. }
            | ServiceError::NoSuchWorker { .. },
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_value_names_its_argument_and_the_allowed_values() {
        let wrong = FieldError::new("retryIntervals/3", "it is negative; allowed is 00:00:00 and more");
        let error = of_field(&wrong, "input");
        let extensions = error.extensions.expect("extensions");
        assert_eq!(extensions.get("code"), Some(&Value::from("validation")));
        assert_eq!(extensions.get("field"), Some(&Value::from("input.retryIntervals.3")));
        assert_eq!(
            extensions.get("allowed"),
            Some(&Value::from("allowed is 00:00:00 and more"))
        );
    }

    #[test]
    fn faults_and_refusals_have_different_kinds() {
        let kind = |error: ServiceError| {
            let error = Error::from(error);
            error.extensions.and_then(|values| values.get("kind").cloned())
        };
        let fault = ServiceError::Internal { reason: String::new() };
        assert_eq!(kind(fault), Some(Value::Enum(Name::new("FAULT"))));
        assert_eq!(kind(ServiceError::Contended), Some(Value::Enum(Name::new("REFUSAL"))));
    }
}
