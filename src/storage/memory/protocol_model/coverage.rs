//! Counts of events, so that a test can verify that the relevant ones have occurred.

/// Number of events that the invariants are about.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) late_ends: usize,
    pub(crate) lost: usize,
    pub(crate) without_lease: usize,
    pub(crate) stale_tokens: usize,
    pub(crate) repeated: usize,
    pub(crate) leaders: usize,
    pub(crate) occurrences: usize,
    pub(crate) given_up: usize,
    pub(crate) renewed_in_time: usize,
    pub(crate) kept: usize,
    pub(crate) stored_with_start: usize,
    pub(crate) lost_claims: usize,
    pub(crate) released: usize,
}

impl Seen {
    pub(crate) fn add(&mut self, other: Self) {
        let Self {
            late_ends,
            lost,
            without_lease,
            stale_tokens,
            repeated,
            leaders,
            occurrences,
            given_up,
            renewed_in_time,
            kept,
            stored_with_start,
            lost_claims,
            released,
        } = other;
        self.late_ends += late_ends;
        self.lost += lost;
        self.without_lease += without_lease;
        self.stale_tokens += stale_tokens;
        self.repeated += repeated;
        self.leaders += leaders;
        self.occurrences += occurrences;
        self.given_up += given_up;
        self.renewed_in_time += renewed_in_time;
        self.kept += kept;
        self.stored_with_start += stored_with_start;
        self.lost_claims += lost_claims;
        self.released += released;
    }

    pub(crate) fn is_plenty(&self) -> bool {
        let Self {
            late_ends,
            lost,
            without_lease,
            stale_tokens,
            repeated,
            leaders,
            occurrences,
            given_up,
            renewed_in_time,
            kept,
            stored_with_start,
            lost_claims,
            released,
        } = self;
        let all = [
            late_ends,
            lost,
            without_lease,
            stale_tokens,
            repeated,
            leaders,
            occurrences,
            given_up,
            renewed_in_time,
            kept,
            stored_with_start,
            lost_claims,
            released,
        ];
        all.iter().all(|count| **count >= 5)
    }
}
