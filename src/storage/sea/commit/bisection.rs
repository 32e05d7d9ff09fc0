//! Finds the bad ones among changes that can't be committed together, by halving: a few more transactions for each bad
//! one, however many good ones there are.

use std::ops::Range;

use super::context::{Results, all_applied};
use crate::storage::commit::{Commit, Committed, OutboxResult};
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::repository::SeaRepository;

/// The next changes to commit.
struct Halves {
    /// The first one is the last.
    left: Vec<Range<usize>>,
}

impl Halves {
    /// This number of changes, which can't be committed together.
    fn of(count: usize) -> Self {
        let mut halves = Self { left: Vec::new() };
        if !halves.split(&(0..count)) && count > 0 {
            halves.left.push(0..count);
        }
        halves
    }

    /// The next ones, in their order; `None` when all have been committed or found to be bad.
    fn next(&mut self) -> Option<Range<usize>> {
        self.left.pop()
    }

    /// These can't be committed together: their halves come next. False for a single one, which is bad.
    fn split(&mut self, range: &Range<usize>) -> bool {
        if range.len() < 2 {
            return false;
        }
        let middle = range.start + range.len() / 2;
        self.left.push(middle..range.end);
        self.left.push(range.start..middle);
        true
    }
}

impl SeaRepository {
    /// Commits changes that can't be committed together, and finds the bad ones by halving; those that select come
    /// last, as in one commit.
    pub(super) async fn commit_in_halves(&self, commit: &Commit) -> Result<Committed, RepositoryError> {
        let mut results: Results = commit.changes.iter().map(|_| None).collect();
        let mut outbox = commit.outbox.as_ref().map(|_| OutboxResult::default());
        for is_selecting in [false, true] {
            let changes = commit.changes.iter().enumerate();
            let positions: Vec<usize> = changes
                .filter(|(_, change)| change.selects() == is_selecting)
                .map(|(position, _)| position)
                .collect();
            let mut halves = Halves::of(positions.len());
            while let Some(range) = halves.next() {
                let part = &positions[range.clone()];
                match self.try_again(&commit.part(part)).await {
                    Ok(committed) => {
                        for (position, result) in part.iter().zip(committed.results) {
                            results[*position] = Some(result);
                        }
                        if let (Some(outbox), Some(part)) = (&mut outbox, committed.outbox) {
                            outbox.extend(part);
                        }
                    }
                    Err(CommitFailure::Bad(_)) if halves.split(&range) => {}
                    // A part that can't be split is one change.
                    Err(CommitFailure::Bad(error)) => results[part[0]] = Some(Err(error)),
                    Err(CommitFailure::Unavailable(failure) | CommitFailure::InTheWay(failure)) => return Err(failure),
                }
            }
        }
        Ok(Committed {
            results: all_applied(results),
            outbox,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::collection::btree_set;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    /// Committed changes in order, rejected changes, and the number of transactions.
    fn commit(count: usize, bad: &BTreeSet<usize>) -> (Vec<usize>, BTreeSet<usize>, usize) {
        let (mut committed, mut found, mut transactions) = (Vec::new(), BTreeSet::new(), 0);
        let mut halves = Halves::of(count);
        while let Some(range) = halves.next() {
            transactions += 1;
            if bad.range(range.clone()).next().is_none() {
                committed.extend(range);
            } else if !halves.split(&range) {
                found.insert(range.start);
            }
        }
        (committed, found, transactions)
    }

    #[test]
    fn one_bad_change_of_two_thousand_costs_a_few_transactions() {
        for bad in [0, 1_000, 1_999] {
            let (committed, found, transactions) = commit(2_000, &BTreeSet::from([bad]));
            assert_eq!((committed.len(), found), (1_999, BTreeSet::from([bad])));
            assert!(transactions <= 22, "{transactions} transactions");
        }
        assert_eq!(commit(0, &BTreeSet::new()).2, 0);
        assert_eq!(commit(1, &BTreeSet::from([0])).2, 1);
    }

    proptest! {
        #[test]
        fn every_good_change_is_committed_once_in_its_order_and_every_bad_one_is_found(
            count in 0_usize..500,
            bad in btree_set(0_usize..500, 0..12),
        ) {
            let bad: BTreeSet<usize> = bad.into_iter().filter(|index| *index < count).collect();
            let (committed, found, transactions) = commit(count, &bad);
            let good: Vec<usize> = (0..count).filter(|index| !bad.contains(index)).collect();
            prop_assert_eq!((committed, found), (good, bad.clone()));
            prop_assert!(transactions <= 2 + bad.len() * 20, "{} transactions", transactions);
        }
    }
}
