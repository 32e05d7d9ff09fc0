//! How urgent a job is.

use std::fmt;

/// A job of a higher priority is started before all due jobs of lower ones in its queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// After everything else.
    Low = 0,
    /// Unless the job says otherwise.
    #[default]
    Normal = 1,
    /// Before normal jobs.
    High = 2,
    /// Before everything else.
    Critical = 3,
}

/// The text or number names no priority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a priority; allowed are low, normal, high and critical")]
pub struct InvalidPriority {
    /// What was given.
    pub given: String,
}

impl Priority {
    /// All of them, the most urgent first: the order in which jobs are started.
    pub const BY_URGENCY: [Self; 4] = [Self::Critical, Self::High, Self::Normal, Self::Low];

    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Reads the word, in any case.
    pub fn parse(text: &str) -> Result<Self, InvalidPriority> {
        Self::BY_URGENCY
            .into_iter()
            .find(|priority| priority.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidPriority {
                given: text.chars().take(64).collect(),
            })
    }

    /// The number in storage and in .NET's enum: 0 low, 1 normal, 2 high, 3 critical.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The priority with this number.
    pub fn from_code(code: i64) -> Result<Self, InvalidPriority> {
        Self::BY_URGENCY
            .into_iter()
            .find(|priority| i64::from(priority.code()) == code)
            .ok_or_else(|| InvalidPriority {
                given: code.to_string(),
            })
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
