//! Number of GraphQL operations, for export.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Type of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// A query.
    Query,
    /// A mutation.
    Mutation,
    /// A subscription, counted when it ends.
    Subscription,
    /// A request that can't be parsed or is not valid.
    Invalid,
}

/// Outcome of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationOutcome {
    /// Completed without errors.
    Ok,
    /// Completed with errors of fields.
    Errors,
    /// Failed or timed out.
    Failed,
    /// The client disconnected before the response.
    Abandoned,
}

impl OperationKind {
    const ALL: [Self; 4] = [Self::Query, Self::Mutation, Self::Subscription, Self::Invalid];

    /// The name of the type.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
            Self::Invalid => "invalid",
        }
    }
}

impl OperationOutcome {
    const ALL: [Self; 4] = [Self::Ok, Self::Errors, Self::Failed, Self::Abandoned];

    /// The name of the outcome.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Errors => "errors",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Operations finished since the server's start.
#[derive(Clone, Debug, Default)]
pub struct Operations(Arc<[[AtomicU64; OperationOutcome::ALL.len()]; OperationKind::ALL.len()]>);

impl Operations {
    /// Counts an operation when the returned value is dropped, with its outcome at that time.
    pub fn begin(&self, kind: OperationKind, outcome: OperationOutcome) -> RunningOperation {
        RunningOperation {
            operations: self.clone(),
            kind,
            outcome,
        }
    }

    /// Number of operations by type and outcome, without zeros.
    pub fn counts(&self) -> impl Iterator<Item = (OperationKind, OperationOutcome, u64)> {
        let pairs = OperationKind::ALL
            .into_iter()
            .flat_map(|kind| OperationOutcome::ALL.into_iter().map(move |outcome| (kind, outcome)));
        pairs
            .map(|(kind, outcome)| (kind, outcome, self.of(kind, outcome).load(Ordering::Relaxed)))
            .filter(|(.., count)| *count > 0)
    }

    fn of(&self, kind: OperationKind, outcome: OperationOutcome) -> &AtomicU64 {
        // Both are numbered from 0, and the arrays have one counter per value.
        &self.0[kind as usize][outcome as usize]
    }
}

/// An operation in progress.
#[derive(Debug)]
pub struct RunningOperation {
    operations: Operations,
    kind: OperationKind,
    /// The outcome so far.
    pub outcome: OperationOutcome,
}

impl Drop for RunningOperation {
    fn drop(&mut self) {
        self.operations
            .of(self.kind, self.outcome)
            .fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{OperationKind, OperationOutcome, Operations};

    #[test]
    fn an_operation_is_counted_with_its_outcome_when_it_ends() {
        let operations = Operations::default();
        let mut first = operations.begin(OperationKind::Query, OperationOutcome::Abandoned);
        let second = operations.begin(OperationKind::Query, OperationOutcome::Abandoned);
        assert_eq!(operations.counts().count(), 0);
        first.outcome = OperationOutcome::Errors;
        drop((first, second));
        let counts: Vec<_> = operations.counts().collect();
        assert_eq!(
            counts,
            [
                (OperationKind::Query, OperationOutcome::Errors, 1),
                (OperationKind::Query, OperationOutcome::Abandoned, 1)
            ]
        );
    }
}
