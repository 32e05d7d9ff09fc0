//! Overlap policies: the treatment of occurrences that are due while an earlier one is unfinished.

/// Treatment of an occurrence that is due while an earlier one of the same recurring job is unfinished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverlapPolicy {
    /// It is created as usual; both may run concurrently.
    #[default]
    Allow = 0,
    /// It is skipped.
    Skip = 1,
    /// It is created when the earlier one has finished.
    Queue = 2,
}

/// The text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not an overlap policy; allowed are allow, skip and queue")]
pub struct InvalidOverlapPolicy {
    /// The invalid text.
    pub given: String,
}

impl OverlapPolicy {
    /// All policies.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Skip, Self::Queue];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::Queue => "queue",
        }
    }

    /// Parses a name, case-insensitively.
    pub fn parse(text: &str) -> Result<Self, InvalidOverlapPolicy> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidOverlapPolicy {
                given: text.chars().take(64).collect(),
            })
    }

    /// The code in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The policy with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.code() == code)
    }
}
