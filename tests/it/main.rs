//! Integration tests with the real program, real ports, SQLite files and PostgreSQL.
//!
//! One binary, because each additional one would link the whole tree again. One folder per subject.

#![expect(
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, use the machine's clock and environment, and are imported by no other crate"
)]

mod auth;
mod cli;
mod cluster;
mod dashboard;
mod embedding;
mod graphql;
mod handlers;
mod harness;
mod house;
mod observability;
mod project;
mod realtime;
mod recurring;
mod rest;
mod robustness;
mod sdk;
mod storage;
mod webhooks;
mod workers;
