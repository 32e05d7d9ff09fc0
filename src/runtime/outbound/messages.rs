//! Messages of the webhook dispatcher and its senders.

use actix::{Message, Recipient};

use crate::domain::values::id::EndpointId;

/// To the dispatcher: a commit of this node has added deliveries or changed endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Message)]
#[rtype(result = "()")]
pub struct OutboxUpdate {
    /// Endpoints with new deliveries.
    pub endpoints: Vec<EndpointId>,
    /// `true` if any endpoint may have new deliveries.
    pub is_any: bool,
    /// `true` if endpoints were created, changed or deleted.
    pub is_changed: bool,
}

impl OutboxUpdate {
    /// Adds endpoints with new deliveries.
    pub fn add(&mut self, endpoints: &[EndpointId]) {
        self.endpoints.extend_from_slice(endpoints);
    }

    /// `true` if the commit concerns no endpoint.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty() && !self.is_any && !self.is_changed
    }
}

/// To the dispatcher: start no more deliveries. Returns the senders, which are connected until the outcome of their last
/// delivery is stored.
#[derive(Message)]
#[rtype(result = "Vec<Recipient<ReleaseEndpoint>>")]
pub(crate) struct DrainDeliveries;

/// To a sender: the endpoint may have due deliveries.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct PollDeliveries;

/// To a sender: the endpoint was changed, or is assigned to this node again.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RefreshEndpoint;

/// To a sender: the endpoint is no longer assigned to this node.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ReleaseEndpoint;
