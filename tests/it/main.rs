//! What the server promises, tested on the real binary, over a real port, a real SQLite file and a real PostgreSQL.
//!
//! One binary: each further one would link the whole tree again. A file a facade or a promise.

mod harness;

mod cli;
mod command_line_config;
mod crash;
mod handlers;
mod house;
mod openapi;
mod rest_bad_input;
mod rest_jobs;
mod rest_queues;
mod shutdown;
