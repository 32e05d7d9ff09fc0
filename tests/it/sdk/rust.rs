//! `sdk/rust`: its examples, built by `cargo test --workspace`.

use super::Language;

const RUST: Language = Language {
    program: "/usr/bin/env",
    arguments: &[],
    scenarios: "../../target/debug/examples/scenarios",
    folder: "rust",
    environment: &[],
};

#[tokio::test]
async fn rust_passes_the_scenarios() {
    RUST.passes_the_scenarios().await;
}

#[tokio::test]
async fn rust_receives_events_after_a_restart() {
    RUST.receives_events_after_a_restart().await;
}

#[tokio::test]
async fn rust_survives_a_killed_worker() {
    RUST.survives_a_killed_worker().await;
}

#[tokio::test]
async fn rust_waits_for_a_server() {
    RUST.waits_for_a_server().await;
}

#[tokio::test]
async fn rust_has_examples_that_run() {
    RUST.has_examples_that_run(
        "../../target/debug/examples/schedule",
        "../../target/debug/examples/watch",
        "../../target/debug/examples/work",
        "../../target/debug/examples/webhook",
    )
    .await;
}

#[tokio::test]
async fn rust_keeps_results_through_faults() {
    RUST.keeps_results_through_faults().await;
}

#[tokio::test]
async fn rust_ends_a_rejected_subscription() {
    RUST.ends_a_refused_subscription().await;
}

#[tokio::test]
async fn rust_notices_a_frozen_connection() {
    RUST.notices_a_frozen_connection().await;
}
