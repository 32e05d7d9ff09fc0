//! What has happened, so that a test can tell whether anything was put to the test.

/// How often what the invariants are about has happened.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) late_ends: usize,
    pub(super) lost: usize,
    pub(super) without_lease: usize,
    pub(super) stale_tokens: usize,
    pub(super) repeated: usize,
    pub(super) leaders: usize,
    pub(super) occurrences: usize,
    pub(super) given_up: usize,
    pub(super) renewed_in_time: usize,
    pub(super) kept: usize,
}

impl Seen {
    pub(super) fn add(&mut self, other: Self) {
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
    }

    pub(super) fn is_plenty(&self) -> bool {
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
        ];
        all.iter().all(|count| **count >= 5)
    }
}
