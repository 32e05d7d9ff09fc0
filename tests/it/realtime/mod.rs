//! Live updates over WebSocket and SignalR.

pub(crate) mod clients;
pub(crate) mod connection_places;
pub(crate) mod signalr;
pub(crate) mod signalr_rules;
pub(crate) mod subscription_places;
pub(crate) mod websocket;
pub(crate) mod websocket_limits;
