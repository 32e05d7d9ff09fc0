//! Priorities of jobs.

use std::fmt;

/// Priority of a job. Due jobs start before all jobs of lower priority in their queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// After all other jobs.
    Low = 0,
    /// The default.
    #[default]
    Normal = 1,
    /// Before normal jobs.
    High = 2,
    /// Before all other jobs.
    Critical = 3,
}

/// The text or number is not a priority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a priority; allowed are low, normal, high and critical")]
pub struct InvalidPriority {
    /// The invalid value.
    pub given: String,
}

impl Priority {
    /// All priorities, most urgent first: the order in which jobs start.
    pub const BY_URGENCY: [Self; 4] = [Self::Critical, Self::High, Self::Normal, Self::Low];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Parses a name, case-insensitively.
    pub fn parse(text: &str) -> Result<Self, InvalidPriority> {
        Self::BY_URGENCY
            .into_iter()
            .find(|priority| priority.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidPriority {
                given: text.chars().take(64).collect(),
            })
    }

    /// The code in storage and in .NET's enum: 0 low, 1 normal, 2 high, 3 critical.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// The priority with this code.
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
