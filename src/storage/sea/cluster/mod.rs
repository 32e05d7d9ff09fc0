//! Nodes, remote workers and messages between nodes.

pub(crate) mod nodes;
pub(crate) mod notify;
mod worker_lists;
pub(crate) mod worker_renewals;
pub(crate) mod workers;
