//! Identity of states: events that supersede earlier events of the same key.

use crate::domain::events::event::Event;
use crate::domain::metrics::health::HealthState;
use crate::domain::values::name::QueueName;

/// The subject of a state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StateKey {
    Queue(QueueName),
    System,
    Health,
}

impl StateKey {
    /// The key of a state; `None` for events that are not states.
    pub(crate) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::Job { .. } | Event::JobReport { .. } | Event::Queue { .. } | Event::Operation { .. } => None,
            Event::QueueMetrics { metrics, .. } => Some(Self::Queue(metrics.queue.name.clone())),
            Event::SystemMetrics(_) => Some(Self::System),
            Event::SystemAlert { .. } => Some(Self::Health),
        }
    }

    /// `true` if later subscribers receive this state. A recovery is of no interest to subscribers that have not
    /// received the failure.
    pub(crate) fn is_worth_keeping(state: &Event) -> bool {
        match state {
            Event::SystemAlert { change, .. } => change.after.state != HealthState::Healthy,
            Event::Job { .. }
            | Event::JobReport { .. }
            | Event::Queue { .. }
            | Event::QueueMetrics { .. }
            | Event::SystemMetrics(_)
            | Event::Operation { .. } => true,
        }
    }
}
