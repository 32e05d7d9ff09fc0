//! This node among others: its lease, notifications, recovery of orphaned jobs.

pub(crate) mod lease_renewer;
pub(crate) mod messages;
pub(crate) mod node_lease;
pub(crate) mod notifier;
pub(crate) mod orphan_recovery;
pub(crate) mod remote_subscribers;
pub(crate) mod renewal_interval;
