//! Nodes, their leases, leadership and remote workers.

pub mod leadership;
pub mod node_lease;
pub mod remote_worker;
pub mod worker_access;
