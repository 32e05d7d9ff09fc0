//! The facades: HTTP and WebSocket APIs of the use cases. They translate requests and contain no rules.

pub(crate) mod auth;
pub(crate) mod contract;
mod disclosure;
pub(crate) mod graphql;
pub(crate) mod memory;
pub(crate) mod middleware;
pub(crate) mod pages;
pub(crate) mod problem;
pub(crate) mod realtime;
mod request_body;
pub(crate) mod rest;
mod routing;
mod strict_json;
