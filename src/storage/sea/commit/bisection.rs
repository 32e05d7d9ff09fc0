//! Finds the bad ones among changes that can't be committed together, by halving: a few more transactions for each bad
//! one, however many good ones there are.

use std::ops::Range;

use super::context::Results;
use crate::domain::webhooks::endpoint::EndpointId;
use crate::storage::change::{Applied, Change, ChangeError};
use crate::storage::outbox::EndpointsAt;
use crate::storage::repository::RepositoryError;
use crate::storage::sea::error::CommitFailure;
use crate::storage::sea::repository::SeaRepository;

/// Which changes to commit next.
struct Halves {
    /// The first one is the last.
    left: Vec<Range<usize>>,
}

impl Halves {
    /// So many changes, which can't be committed all at once.
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
    /// Commits changes that can't be committed together, and finds out by halving which are bad; those that choose among
    /// jobs come last, as if it were one commit.
    pub(super) async fn commit_in_halves(
        &self,
        changes: &[Change],
    ) -> Result<Vec<Result<Applied, ChangeError>>, RepositoryError> {
        let (changes, announcer) = match changes.split_last() {
            Some((announcer @ Change::Announce(_), changes)) => (changes, Some(announcer)),
            Some(_) | None => (changes, None),
        };
        let mut told: Vec<EndpointId> = Vec::new();
        let mut newest: Option<EndpointsAt> = None;
        let mut results: Results = changes.iter().map(|_| None).collect();
        // A change and the record of who has made it stay together, and so does what others are told of it.
        let mut units: Vec<(Range<usize>, bool)> = Vec::new();
        for unit in changes.chunk_by(|_, next| matches!(next, Change::Audit(_))) {
            let start = units.last().map_or(0, |(unit, _)| unit.end);
            units.push((start..start + unit.len(), unit.first().is_some_and(Change::selects)));
        }
        for is_choosing in [false, true] {
            let units: Vec<&Range<usize>> = units
                .iter()
                .filter(|(_, chooses)| *chooses == is_choosing)
                .map(|(unit, _)| unit)
                .collect();
            let mut halves = Halves::of(units.len());
            while let Some(range) = halves.next() {
                let places: Vec<usize> = units[range.clone()].iter().flat_map(|unit| (*unit).clone()).collect();
                let part: Vec<Change> = places
                    .iter()
                    .map(|place| &changes[*place])
                    .chain(announcer)
                    .cloned()
                    .collect();
                let applied = match self.try_again(&part).await {
                    Ok(mut applied) => {
                        match announcer.and_then(|_| applied.pop()) {
                            Some(Ok(Applied::AnnouncedAnew(endpoints, at))) => {
                                told.extend(endpoints);
                                newest = Some(at);
                            }
                            Some(Ok(Applied::Announced(endpoints))) => told.extend(endpoints),
                            Some(_) | None => {}
                        }
                        applied
                    }
                    Err(CommitFailure::Bad(_)) if halves.split(&range) => continue,
                    Err(CommitFailure::Bad(error)) => {
                        // Nothing was changed, so there is nothing to record.
                        let unrecorded = places
                            .iter()
                            .skip(1)
                            .map(|_| Ok(Applied::Audited { is_recorded: false }));
                        std::iter::once(Err(error)).chain(unrecorded).collect()
                    }
                    Err(CommitFailure::Unavailable(failure) | CommitFailure::InTheWay(failure)) => return Err(failure),
                };
                for (place, result) in places.into_iter().zip(applied) {
                    results[place] = Some(result);
                }
            }
        }
        results.extend(announcer.map(|_| {
            Some(Ok(match newest {
                Some(at) => Applied::AnnouncedAnew(told, at),
                None => Applied::Announced(told),
            }))
        }));
        // Each change was applied in one of the rounds.
        Ok(results.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::collection::btree_set;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    /// What was committed, in its order, what was found to be bad, and in how many transactions.
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
