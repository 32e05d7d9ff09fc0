//! Problems of errors of the services and of authentication.

use tracing::{debug, error};

use super::{PartError, Problem, ProblemKind, RETRY_AFTER};
use crate::api::auth;
use crate::api::auth::AuthFailure;
use crate::domain::access::allowance::RateExceeded;
use crate::domain::access::caller::Forbidden;
use crate::service::error::ServiceError;

impl Problem {
    /// The problem of a service error; `pointer_of` maps the name of a field and its index in a batch to its JSON
    /// pointer.
    pub(crate) fn of_service(error: ServiceError, pointer_of: impl Fn(&str, Option<usize>) -> String) -> Self {
        if let ServiceError::Invalid { field, index, detail } = error {
            return Self::of_part(PartError::field(&pointer_of(field, index), detail));
        }
        if let ServiceError::Forbidden(refused) = error {
            return Self::from(refused);
        }
        let detail = error.to_string();
        if let ServiceError::AttemptsLost { jobs } = error {
            let parts = jobs.iter().enumerate().map(|(index, id)| {
                let detail = format!("job {id} is no longer leased with this token; its result was discarded");
                PartError::field(&pointer_of("leaseToken", Some(index)), detail)
            });
            return Self::conflict_in_parts(&detail, parts.collect());
        }
        if let ServiceError::ReplayGone { ids, is_recurring: _ } = error {
            let mut problem = Self::new(ProblemKind::Gone, detail);
            problem.0.gone = ids;
            return problem;
        }
        let (kind, retry_after) = match error {
            ServiceError::Invalid { .. } => (ProblemKind::Validation, None),
            ServiceError::Forbidden(_) | ServiceError::ForeignWorker { .. } | ServiceError::ReservedTypes { .. } => {
                (ProblemKind::Forbidden, None)
            }
            ServiceError::NoSuchJob { .. }
            | ServiceError::NoSuchRecurringJob { .. }
            | ServiceError::NoSuchRecurringKey { .. }
            | ServiceError::NoSuchEndpoint { .. }
            | ServiceError::NoSuchDelivery { .. }
            | ServiceError::NoSuchWorker { .. }
            | ServiceError::NoSuchNode { .. }
            | ServiceError::NoSuchFailure { .. }
            | ServiceError::NoSuchOperation { .. }
            | ServiceError::NoSuchQueue { .. } => (ProblemKind::NotFound, None),
            ServiceError::InvalidTransition(_)
            | ServiceError::Contended
            | ServiceError::WorkerLeaseOver { .. }
            | ServiceError::AttemptsLost { .. }
            | ServiceError::ConfiguredEndpoint { .. }
            | ServiceError::EndpointDisabled { .. }
            | ServiceError::TooManyEndpoints { .. }
            | ServiceError::TooManyOperations { .. }
            | ServiceError::InvalidOperationChange(_)
            | ServiceError::ConfiguredQueue { .. }
            | ServiceError::QueueInUse { .. }
            | ServiceError::Unsupported { .. }
            | ServiceError::WebhooksOff
            | ServiceError::LogNotOwned
            | ServiceError::FeedOff
            | ServiceError::UniqueKeyTaken { .. }
            | ServiceError::RecurringKeyTaken { .. } => (ProblemKind::Conflict, None),
            ServiceError::FeedGap | ServiceError::ReplayGone { .. } | ServiceError::StaleToken => {
                (ProblemKind::Gone, None)
            }
            ServiceError::PopulationChanged { .. } => (ProblemKind::PopulationChanged, None),
            ServiceError::PreconditionFailed { .. } | ServiceError::RecurringKeyExists { .. } => {
                (ProblemKind::PreconditionFailed, None)
            }
            ServiceError::IdempotencyMismatch => (ProblemKind::IdempotencyMismatch, None),
            ServiceError::QueueFull { .. } | ServiceError::NoLeaseMemory => (ProblemKind::Busy, Some(RETRY_AFTER)),
            ServiceError::Busy { retry_after }
            | ServiceError::StorageBusy { retry_after }
            | ServiceError::ChangesBusy { retry_after }
            | ServiceError::ReadsBusy { retry_after, .. } => (ProblemKind::Busy, Some(retry_after)),
            ServiceError::RateLimited(RateExceeded::Now { retry_after, .. }) => {
                (ProblemKind::TooManyRequests, Some(retry_after))
            }
            ServiceError::RateLimited(RateExceeded::Always { .. }) => (ProblemKind::TooLarge, None),
            ServiceError::ReadTimedOut { .. } => (ProblemKind::ReadTimeout, None),
            ServiceError::OverCallerLimit { .. } => (ProblemKind::TooLarge, None),
            ServiceError::CallerLimit { retry_after, .. } | ServiceError::TooManyWorkers { retry_after, .. } => {
                (ProblemKind::TooManyRequests, Some(retry_after))
            }
            ServiceError::Stopping => (ProblemKind::Unavailable, Some(RETRY_AFTER)),
            // Storage failures are logged where they occur, once for all requests.
            ServiceError::Unavailable { reason } | ServiceError::StorageFault { fault: _, reason } => {
                debug!("storage is unavailable: {reason}");
                (ProblemKind::Unavailable, Some(RETRY_AFTER))
            }
            ServiceError::Internal { reason } => {
                error!("request failed: {reason}");
                (ProblemKind::Internal, None)
            }
        };
        let mut problem = Self::new(kind, detail);
        problem.0.retry_after = retry_after;
        problem
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        Self::of_service(error, |field, _| format!("/{field}"))
    }
}

impl From<RateExceeded> for Problem {
    fn from(exceeded: RateExceeded) -> Self {
        ServiceError::from(exceeded).into()
    }
}

impl From<Forbidden> for Problem {
    fn from(refused: Forbidden) -> Self {
        let mut problem = Self::new(ProblemKind::Forbidden, refused.to_string());
        problem.0.challenge = Some(auth::insufficient_scope(&refused.scope));
        problem
    }
}

impl From<AuthFailure> for Problem {
    fn from(failure: AuthFailure) -> Self {
        let kind = match failure {
            AuthFailure::Missing | AuthFailure::Invalid(_) => ProblemKind::Unauthenticated,
            AuthFailure::Malformed(_) => ProblemKind::Malformed,
            AuthFailure::Throttled { .. } | AuthFailure::TooMany { .. } => ProblemKind::TooManyRequests,
            AuthFailure::ForeignOrigin | AuthFailure::ForeignHost => ProblemKind::Forbidden,
        };
        let mut problem = Self::new(kind, failure.detail());
        problem.0.retry_after = failure.retry_after();
        problem.0.challenge = failure.challenge();
        problem
    }
}
