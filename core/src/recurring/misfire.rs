//! What becomes of due times that nobody was there for.

use chrono::TimeDelta;

/// How late an occurrence may be created and still counts as on time: a little longer than another node takes to step in
/// for one that died.
pub const ON_TIME: TimeDelta = TimeDelta::seconds(60);

/// What becomes of the due times of a recurring job that were missed, because no server ran or the job's schedule was
/// looked at more than [`ON_TIME`] too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MisfirePolicy {
    /// One occurrence stands for all of them: the last one.
    #[default]
    FireOnce,
    /// None of them; those among them that are not later than [`ON_TIME`], and the next due time, are as usual.
    Skip,
    /// Each of them, but no more than the last `max`.
    CatchUp {
        /// How many at the most.
        max: CatchUpMax,
    },
}

/// How many missed occurrences are made up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUpMax(u16);

/// The number is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{given} is out of range; allowed are 1 to {}", CatchUpMax::MOST)]
pub struct InvalidCatchUpMax {
    /// What was given.
    pub given: i64,
}

impl CatchUpMax {
    /// The greatest number.
    pub const MOST: u16 = 1_000;

    /// Takes a number from 1 to [`Self::MOST`].
    pub fn new(given: i64) -> Result<Self, InvalidCatchUpMax> {
        match u16::try_from(given) {
            Ok(number @ 1..=Self::MOST) => Ok(Self(number)),
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

/// The text names no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{given}' is not a misfire policy; allowed are fire_once, skip and catch_up")]
pub struct InvalidMisfirePolicy {
    /// What was given.
    pub given: String,
}

impl MisfirePolicy {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FireOnce => "fire_once",
            Self::Skip => "skip",
            Self::CatchUp { .. } => "catch_up",
        }
    }

    /// Reads the word, in any case; `max` counts for `catch_up` alone.
    pub fn parse(text: &str, max: CatchUpMax) -> Result<Self, InvalidMisfirePolicy> {
        [Self::FireOnce, Self::Skip, Self::CatchUp { max }]
            .into_iter()
            .find(|policy| policy.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| InvalidMisfirePolicy {
                given: text.chars().take(64).collect(),
            })
    }

    /// The same policy; where it makes up for a number of occurrences, for this number.
    #[must_use]
    pub const fn with_max(self, max: CatchUpMax) -> Self {
        match self {
            Self::CatchUp { max: _ } => Self::CatchUp { max },
            Self::FireOnce | Self::Skip => self,
        }
    }

    /// How many missed occurrences are made up for, where that is bounded by a number.
    pub const fn max(self) -> Option<CatchUpMax> {
        match self {
            Self::CatchUp { max } => Some(max),
            Self::FireOnce | Self::Skip => None,
        }
    }
}
