//! Explanations: the reasons why a job does not run, with their evidence and remedies.
//!
//! [`explain`] is the one function that decides, over [`Facts`] that a caller has gathered; [`Reason`] is the one list of
//! reasons. [`explain_queue`] sums them up for the pending jobs of a queue.

mod evidence;
mod facts;
mod nearest;
mod queue;
mod reason;
mod rules;
mod sentence;

pub use self::evidence::Evidence;
pub use self::facts::{
    AHEAD_MAX, ClusterFacts, Facts, HandlerFacts, Holder, JobFacts, LineFacts, Pause, QueueFacts, RateFacts, Runner,
    RunnerKind, TypeLimit,
};
pub use self::nearest::nearest_type;
pub use self::queue::{
    Counted, PendingOfType, QueueBacklog, QueueExplanation, QueueShare, ShareCause, explain_queue, held_types,
};
pub use self::reason::Reason;
pub use self::rules::{Estimate, Explanation, explain, keeps_in_line};

#[cfg(test)]
mod tests;
