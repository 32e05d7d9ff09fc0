//! The facades: how programs elsewhere reach the use cases. Each is a thin translation and holds no rule of its own.

pub mod auth;
pub mod browsers;
mod disclosure;
pub mod graphql;
pub mod memory;
pub mod pages;
pub mod realtime;
pub mod request_count;
pub mod request_log;
pub mod rest;
mod strict;
mod system_view;
