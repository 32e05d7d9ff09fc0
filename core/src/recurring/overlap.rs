//! What becomes of an occurrence that is due while an earlier one of the same recurring job has not ended.

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverlapPolicy {
    /// It is created as usual; both may run at the same time.
    #[default]
    Allow = 0,
    /// It is left out.
    Skip = 1,
    /// It is created when the earlier one has ended.
    Queue = 2,
}

/// The text names no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not an overlap policy; allowed are allow, skip and queue")]
pub struct InvalidOverlapPolicy {
    /// What was given.
    pub given: String,
}

impl OverlapPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Allow, Self::Skip, Self::Queue];

    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::Queue => "queue",
        }
    }

    /// Reads the word, in any case.
    pub fn parse(text: &str) -> Result<Self, InvalidOverlapPolicy> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidOverlapPolicy {
                given: text.chars().take(64).collect(),
            })
    }

    /// The number in storage.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The policy with this number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.code() == code)
    }
}
