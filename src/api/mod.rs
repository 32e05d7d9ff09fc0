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
pub mod rest;
mod strict_json;
