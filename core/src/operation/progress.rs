//! Progress of operations: numbers of changed and skipped jobs.

use std::fmt::Write;

/// Why an operation leaves a job as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// Its status does not allow the change.
    Status,
    /// It is as requested already.
    Unchanged,
    /// Another unfinished job has its unique key.
    UniqueKey,
    /// It was changed concurrently, again and again, or since the operation that is undone.
    Changed,
    /// It was deleted.
    Gone,
    /// Storage has refused the change.
    Refused,
}

impl SkipReason {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::Status,
        Self::Unchanged,
        Self::UniqueKey,
        Self::Changed,
        Self::Gone,
        Self::Refused,
    ];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Unchanged => "unchanged",
            Self::UniqueKey => "unique-key",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::Refused => "refused",
        }
    }

    /// The reason in a sentence.
    pub const fn message(self) -> &'static str {
        match self {
            Self::Status => "the status of the job does not allow the change",
            Self::Unchanged => "the job is as requested already",
            Self::UniqueKey => "another unfinished job has the unique key of the job",
            Self::Changed => "the job was changed meanwhile",
            Self::Gone => "the job was deleted",
            Self::Refused => "storage has refused the change",
        }
    }

    const fn place(self) -> usize {
        self as usize
    }
}

/// Numbers of visited jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Number of changed jobs.
    pub done: u64,
    skipped: [u64; SkipReason::ALL.len()],
}

impl Progress {
    /// Adds a skipped job.
    pub fn skip(&mut self, reason: SkipReason) {
        self.skipped[reason.place()] += 1;
    }

    /// Number of jobs that were skipped for this reason.
    pub const fn skipped_for(&self, reason: SkipReason) -> u64 {
        self.skipped[reason.place()]
    }

    /// Number of skipped jobs.
    pub fn skipped(&self) -> u64 {
        self.skipped.iter().sum()
    }

    /// Number of skipped jobs by reason, without those that have none.
    pub fn reasons(&self) -> impl Iterator<Item = (SkipReason, u64)> {
        SkipReason::ALL
            .into_iter()
            .zip(self.skipped)
            .filter(|(_, count)| *count > 0)
    }

    /// The skipped jobs for storage: `status=3,gone=1`.
    pub fn skipped_to_text(&self) -> String {
        let mut text = String::new();
        for (reason, count) in self.reasons() {
            let comma = if text.is_empty() { "" } else { "," };
            // Writing to a String can't fail.
            let _ = write!(text, "{comma}{}={count}", reason.as_str());
        }
        text
    }

    /// Progress from storage; `None` if the text is wrong.
    pub fn from_stored(done: u64, skipped: &str) -> Option<Self> {
        let mut progress = Self {
            done,
            ..Self::default()
        };
        for part in skipped.split(',').filter(|part| !part.is_empty()) {
            let (name, count) = part.split_once('=')?;
            let reason = SkipReason::ALL.into_iter().find(|reason| reason.as_str() == name)?;
            progress.skipped[reason.place()] = count.parse().ok()?;
        }
        Some(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_round_trips_through_storage() {
        let mut progress = Progress {
            done: 7,
            ..Progress::default()
        };
        assert_eq!(Progress::from_stored(7, ""), Some(progress));
        for (count, reason) in (1_u64..).zip(SkipReason::ALL) {
            (0..count).for_each(|_| progress.skip(reason));
            assert_eq!(progress.skipped_for(reason), count);
        }
        assert_eq!(
            progress.skipped_to_text(),
            "status=1,unchanged=2,unique-key=3,changed=4,gone=5,refused=6"
        );
        assert_eq!(progress.skipped(), 21);
        assert_eq!(Progress::from_stored(7, &progress.skipped_to_text()), Some(progress));
        for wrong in ["status", "status=x", "other=1"] {
            assert_eq!(Progress::from_stored(0, wrong), None, "{wrong}");
        }
    }
}
