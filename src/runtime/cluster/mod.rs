//! This node among others: its lease, notifications, recovery of orphaned jobs.

pub mod lease_renewer;
pub mod node_lease;
pub mod notifier;
pub mod orphan_recovery;
