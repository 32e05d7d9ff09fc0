//! The facades: how programs elsewhere reach the use cases. Each is a thin translation and holds no rule of its own.

pub mod auth;
pub(crate) mod contract;
mod disclosure;
pub mod graphql;
pub mod memory;
pub mod middleware;
pub mod pages;
pub mod realtime;
pub mod rest;
mod strict_json;
