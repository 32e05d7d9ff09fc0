//! Whether a server is well, and what is wrong when it is not.

use chrono::{DateTime, Utc};

/// How a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthState {
    /// Nothing is wrong.
    Healthy,
    /// It works, and something needs a look.
    Degraded,
    /// It can't do its work.
    Unhealthy,
}

impl HealthState {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthReason {
    /// Storage can't be reached, or does not answer.
    StorageUnavailable,
    /// Parts of the server have failed and were restarted.
    ActorsRestarted {
        /// How often, lately.
        restarts: u64,
    },
    /// So much waits to be written that callers are refused, or soon will be.
    WritesPileUp {
        /// How many rows wait.
        pending_rows: usize,
    },
}

impl HealthReason {
    /// A word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::StorageUnavailable => "storage-unavailable",
            Self::ActorsRestarted { .. } => "actors-restarted",
            Self::WritesPileUp { .. } => "writes-pile-up",
        }
    }

    /// What it means, for people.
    pub fn message(&self) -> String {
        match self {
            Self::StorageUnavailable => "storage can't be reached: no job can be accepted, started or ended".to_owned(),
            Self::ActorsRestarted { restarts } => format!(
                "parts of the server have failed and were restarted, {restarts} times in the last few minutes; its log \
                 says why"
            ),
            Self::WritesPileUp { pending_rows } => format!(
                "{pending_rows} rows wait to be written; the server is given more work than its storage can take"
            ),
        }
    }

    /// How bad it is.
    const fn weight(&self) -> HealthState {
        match self {
            Self::StorageUnavailable => HealthState::Unhealthy,
            Self::ActorsRestarted { .. } | Self::WritesPileUp { .. } => HealthState::Degraded,
        }
    }
}

/// How a server is, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// How it is.
    pub state: HealthState,
    /// What is wrong; nothing when it is healthy.
    pub reasons: Vec<HealthReason>,
}

/// What is looked at to tell how a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observations {
    /// Whether storage answers.
    pub is_storage_reachable: bool,
    /// How often parts of the server were restarted lately.
    pub restarts_lately: u64,
    /// How many rows wait to be written.
    pub pending_rows: usize,
    /// From how many on callers are refused.
    pub pending_rows_max: usize,
}

impl Health {
    /// Nothing is wrong.
    pub const fn well() -> Self {
        Self {
            state: HealthState::Healthy,
            reasons: Vec::new(),
        }
    }

    /// What was observed means this. Writes pile up from half of what may wait.
    pub fn assess(seen: Observations) -> Self {
        let Observations {
            is_storage_reachable,
            restarts_lately,
            pending_rows,
            pending_rows_max,
        } = seen;
        let mut reasons = Vec::new();
        if !is_storage_reachable {
            reasons.push(HealthReason::StorageUnavailable);
        }
        if restarts_lately > 0 {
            reasons.push(HealthReason::ActorsRestarted {
                restarts: restarts_lately,
            });
        }
        if pending_rows > pending_rows_max / 2 {
            reasons.push(HealthReason::WritesPileUp { pending_rows });
        }
        let state = reasons
            .iter()
            .map(HealthReason::weight)
            .max()
            .unwrap_or(HealthState::Healthy);
        Self { state, reasons }
    }

    /// Whether people who know `before` must be told: the state is another, or other things are wrong. Other numbers of
    /// the same things are no news.
    pub fn is_news_after(&self, before: &Self) -> bool {
        let codes = |health: &Self| health.reasons.iter().map(HealthReason::code).collect::<Vec<_>>();
        self.state != before.state || codes(self) != codes(before)
    }
}

/// A change of health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthChange {
    /// How it was.
    pub before: HealthState,
    /// Since when it was so.
    pub before_since: DateTime<Utc>,
    /// How it is, and why.
    pub after: Health,
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Observations = Observations {
        is_storage_reachable: true,
        restarts_lately: 0,
        pending_rows: 50,
        pending_rows_max: 100,
    };

    #[test]
    fn the_worst_reason_decides() {
        assert_eq!(Health::assess(WELL), Health::well());
        let busy = Observations {
            pending_rows: 51,
            ..WELL
        };
        assert_eq!(Health::assess(busy).state, HealthState::Degraded);
        let all = Observations {
            is_storage_reachable: false,
            restarts_lately: 2,
            ..busy
        };
        let health = Health::assess(all);
        assert_eq!(health.state, HealthState::Unhealthy);
        let codes: Vec<_> = health.reasons.iter().map(HealthReason::code).collect();
        assert_eq!(codes, ["storage-unavailable", "actors-restarted", "writes-pile-up"]);
    }

    #[test]
    fn other_numbers_of_the_same_trouble_are_no_news() {
        let restarted = |restarts_lately| {
            Health::assess(Observations {
                restarts_lately,
                ..WELL
            })
        };
        assert!(restarted(1).is_news_after(&Health::well()));
        assert!(!restarted(2).is_news_after(&restarted(1)));
        let also_busy = Health::assess(Observations {
            restarts_lately: 2,
            pending_rows: 99,
            ..WELL
        });
        assert!(
            also_busy.is_news_after(&restarted(2)),
            "the state is the same, the trouble is not"
        );
        assert!(Health::well().is_news_after(&also_busy));
    }
}
