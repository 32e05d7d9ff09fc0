//! Messages of the actors that connect this node with the others.

use actix::Message;

use crate::domain::values::id::NodeId;
use crate::storage::cluster_message::Signal;

/// To the notifier: publish to the other nodes.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Broadcast {
    /// The signals.
    pub signals: Vec<Signal>,
}

/// To the notifier: signals of another node.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Received {
    /// The sender.
    pub(crate) from: NodeId,
    /// The signals.
    pub(crate) signals: Vec<Signal>,
}

/// To the notifier: signals may have been missed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Resync;

/// To the lease renewer: the node is about to leave. The response follows the last renewal.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StopRenewing;
