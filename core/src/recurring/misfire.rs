//! Misfire policies: the treatment of missed due times.

use chrono::TimeDelta;

/// Maximum delay of an occurrence that counts as on time: a little longer than the failover after the death of a
/// leader.
pub const ON_TIME: TimeDelta = TimeDelta::seconds(60);

/// Treatment of the due times of a recurring job that were missed because no server was running, or because the
/// scheduler was late by more than [`ON_TIME`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MisfirePolicy {
    /// One occurrence, the last one, represents all missed ones.
    #[default]
    FireOnce,
    /// None is created. Due times within [`ON_TIME`], and the next due time, are as usual.
    Skip,
    /// Each one is created, but at most the last `max`.
    CatchUp {
        /// Maximum number of occurrences.
        max: CatchUpMax,
    },
}

/// Maximum number of missed occurrences to create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUpMax(u16);

/// The number is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{given} is out of range; allowed are 1 to {}", CatchUpMax::MAX)]
pub struct InvalidCatchUpMax {
    /// The invalid number.
    pub given: i64,
}

impl CatchUpMax {
    /// Maximum value.
    pub const MAX: u16 = 1_000;

    /// Creates a number from 1 to [`Self::MAX`].
    pub fn new(given: i64) -> Result<Self, InvalidCatchUpMax> {
        match u16::try_from(given) {
            Ok(number @ 1..=Self::MAX) => Ok(Self(number)),
            Ok(_) | Err(_) => Err(InvalidCatchUpMax { given }),
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Default for CatchUpMax {
    fn default() -> Self {
        Self(100)
    }
}

/// The text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a misfire policy; allowed are fire_once, skip and catch_up")]
pub struct InvalidMisfirePolicy {
    /// The invalid text.
    pub given: String,
}

impl MisfirePolicy {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FireOnce => "fire_once",
            Self::Skip => "skip",
            Self::CatchUp { .. } => "catch_up",
        }
    }

    /// Parses a name, case-insensitively; `max` applies to `catch_up` only.
    pub fn parse(text: &str, max: CatchUpMax) -> Result<Self, InvalidMisfirePolicy> {
        [Self::FireOnce, Self::Skip, Self::CatchUp { max }]
            .into_iter()
            .find(|policy| policy.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidMisfirePolicy {
                given: text.chars().take(64).collect(),
            })
    }

    /// The policy with this maximum, if it has one.
    #[must_use]
    pub const fn with_max(self, max: CatchUpMax) -> Self {
        match self {
            Self::CatchUp { max: _ } => Self::CatchUp { max },
            Self::FireOnce | Self::Skip => self,
        }
    }

    /// The maximum number of occurrences, if the policy has one.
    pub const fn max(self) -> Option<CatchUpMax> {
        match self {
            Self::CatchUp { max } => Some(max),
            Self::FireOnce | Self::Skip => None,
        }
    }
}
