//! `sdk/javascript`, on Node.

use super::Language;

const JAVASCRIPT: Language = Language {
    program: "node",
    arguments: &[],
    scenarios: "test/scenarios.mjs",
    folder: "javascript",
    environment: &[],
};

#[tokio::test]
async fn javascript_passes_the_scenarios() {
    JAVASCRIPT.passes_the_scenarios().await;
}

#[tokio::test]
async fn javascript_receives_events_after_a_restart() {
    JAVASCRIPT.receives_events_after_a_restart().await;
}

#[tokio::test]
async fn javascript_survives_a_killed_worker() {
    JAVASCRIPT.survives_a_killed_worker().await;
}

#[tokio::test]
async fn javascript_waits_for_a_server() {
    JAVASCRIPT.waits_for_a_server().await;
}

#[tokio::test]
async fn javascript_has_examples_that_run() {
    JAVASCRIPT
        .has_examples_that_run(
            "examples/schedule.mjs",
            "examples/watch.mjs",
            "examples/work.mjs",
            "examples/webhook.mjs",
        )
        .await;
}

#[tokio::test]
async fn javascript_keeps_results_through_faults() {
    JAVASCRIPT.keeps_results_through_faults().await;
}

#[tokio::test]
async fn javascript_ends_a_rejected_subscription() {
    JAVASCRIPT.ends_a_refused_subscription().await;
}

#[tokio::test]
async fn javascript_notices_a_frozen_connection() {
    JAVASCRIPT.notices_a_frozen_connection().await;
}
