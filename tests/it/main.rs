//! What the server promises, tested on the real binary, over a real port, a real SQLite file and a real PostgreSQL.
//!
//! One binary: each further one would link the whole tree again. A file a facade or a promise.

#![expect(
    unreachable_pub,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, use the machine's clock and environment, and nobody imports them"
)]

mod at_rest;
mod audit;
mod auth;
mod auth_jwt;
mod auth_limits;
mod auth_settings;
mod auth_streams;
mod blocked_handlers;
mod browsers;
mod cli_config;
mod cli_jobs;
mod cli_keys;
mod cli_queues;
mod cli_recurring;
mod clients;
mod clock_steps;
mod crash;
mod cron;
mod egress;
mod embedding;
mod embedding_program;
mod expensive_reads;
mod first_job;
mod first_start;
mod full_disk;
mod fuzz;
mod generated_clients;
mod graphiql;
mod graphql;
mod graphql_change;
mod graphql_clients;
mod graphql_embedded;
mod graphql_limits;
mod graphql_live;
mod graphql_values;
mod graphql_webhooks;
mod graphql_workers;
mod handlers_command;
mod handlers_http;
mod harness;
mod health;
mod hostile_names;
mod house;
mod leaving;
mod live_places;
mod log;
mod memory;
mod metrics;
mod migrate;
mod nodes;
mod nodes_drain;
mod nodes_outage;
mod other_versions;
mod path_tricks;
mod paused;
mod pgbouncer;
mod plans;
mod prometheus;
mod queues_unused;
mod readme;
mod recurring;
mod recurring_keys;
mod rest_bodies;
mod rest_connection;
mod rest_jobs_batch;
mod rest_jobs_change;
mod rest_jobs_create;
mod rest_jobs_keys;
mod rest_jobs_list;
mod rest_jobs_retries;
mod rest_jobs_steer;
mod rest_openapi;
mod rest_prefix;
mod rest_protocol;
mod rest_queue_limits;
mod rest_queues;
mod rest_values;
mod scopes;
mod sdk;
mod shutdown;
mod signalr;
mod signalr_rules;
mod slow_clients;
mod storage;
mod storage_faults;
mod storage_waits;
mod supervision;
mod supply_chain;
mod sync;
mod telemetry;
mod time_zones;
mod token_attacks;
mod traces;
mod unhandled_types;
mod webhooks;
mod webhooks_examples;
mod webhooks_failing;
mod webhooks_manage;
mod webhooks_nodes;
mod websocket;
mod websocket_limits;
mod wire;
mod worker_access;
mod workers;
mod workers_many;
