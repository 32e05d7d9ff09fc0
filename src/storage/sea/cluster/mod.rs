//! Nodes, remote workers and messages between nodes.

pub(crate) mod nodes;
pub(crate) mod notify;
pub(crate) mod workers;
