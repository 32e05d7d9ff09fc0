//! The facades: HTTP and WebSocket APIs of the use cases. They translate requests and contain no rules.

pub mod auth;
pub(crate) mod contract;
mod disclosure;
pub mod graphql;
pub mod memory;
pub mod middleware;
pub mod pages;
pub(crate) mod problem;
pub mod realtime;
mod request_body;
pub mod rest;
mod routing;
mod strict_json;
