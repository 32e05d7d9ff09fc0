//! Events of committed changes and their subscribers.

pub(crate) mod encoded_event;
pub(crate) mod event_bus;
pub(crate) mod hooks;
pub(crate) mod state_key;
pub(crate) mod subscriber;
