//! States of health.

/// Health state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthState {
    /// No problem.
    Healthy,
    /// Working, but something needs attention.
    Degraded,
    /// Unable to work.
    Unhealthy,
}

impl HealthState {
    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}
