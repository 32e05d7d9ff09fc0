//! This node among others: its lease, notifications, recovery of orphaned jobs.

pub mod lease_renewer;
pub mod messages;
pub mod node_lease;
pub mod notifier;
pub mod orphan_recovery;
pub mod remote_subscribers;
pub(crate) mod renewal_interval;
