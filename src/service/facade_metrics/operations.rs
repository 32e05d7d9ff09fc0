//! How many GraphQL operations were carried out, for who exports numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What an operation was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// A query.
    Query,
    /// A mutation.
    Mutation,
    /// A subscription; it counts when it has ended.
    Subscription,
    /// A request that could not be read, or may not be carried out.
    Invalid,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationOutcome {
    /// It was answered without errors.
    Ok,
    /// It was answered, with errors among what was asked for.
    Errors,
    /// The server has failed, or has given it up.
    Failed,
    /// Nobody waited for its answer any more.
    Abandoned,
}

impl OperationKind {
    const ALL: [Self; 4] = [Self::Query, Self::Mutation, Self::Subscription, Self::Invalid];

    /// The kind in a word.
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

    /// The outcome in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Errors => "errors",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Operations that have ended since the server started.
#[derive(Clone, Debug, Default)]
pub struct Operations(Arc<[[AtomicU64; OperationOutcome::ALL.len()]; OperationKind::ALL.len()]>);

impl Operations {
    /// Counts an operation when what is given is dropped, with the outcome that it was given last.
    pub fn begin(&self, kind: OperationKind, outcome: OperationOutcome) -> RunningOperation {
        RunningOperation {
            operations: self.clone(),
            kind,
            outcome,
        }
    }

    /// How many there were of each kind and outcome that has occurred.
    pub fn counts(&self) -> impl Iterator<Item = (OperationKind, OperationOutcome, u64)> {
        let pairs = OperationKind::ALL
            .into_iter()
            .flat_map(|kind| OperationOutcome::ALL.into_iter().map(move |outcome| (kind, outcome)));
        pairs
            .map(|(kind, outcome)| (kind, outcome, self.of(kind, outcome).load(Ordering::Relaxed)))
            .filter(|(.., count)| *count > 0)
    }

    fn of(&self, kind: OperationKind, outcome: OperationOutcome) -> &AtomicU64 {
        // Both are numbered from 0, and there are as many numbers as values.
        &self.0[kind as usize][outcome as usize]
    }
}

/// An operation that has not ended yet.
#[derive(Debug)]
pub struct RunningOperation {
    operations: Operations,
    kind: OperationKind,
    /// What comes of it, as far as is known.
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
    fn an_operation_counts_when_it_has_ended_with_what_came_of_it() {
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
