//! `sdk/python`, on the system's Python.

use super::Language;

const PYTHON: Language = Language {
    program: "python3",
    arguments: &["-B"],
    scenarios: "test/scenarios.py",
    folder: "python",
    environment: &[("PYTHONPATH", ".")],
};

#[tokio::test]
async fn python_passes_the_scenarios() {
    PYTHON.passes_the_scenarios().await;
}

#[tokio::test]
async fn python_receives_events_after_a_restart() {
    PYTHON.receives_events_after_a_restart().await;
}

#[tokio::test]
async fn python_survives_a_killed_worker() {
    PYTHON.survives_a_killed_worker().await;
}

#[tokio::test]
async fn python_waits_for_a_server() {
    PYTHON.waits_for_a_server().await;
}

#[tokio::test]
async fn python_has_examples_that_run() {
    PYTHON
        .has_examples_that_run(
            "examples/schedule.py",
            "examples/watch.py",
            "examples/work.py",
            "examples/webhook.py",
        )
        .await;
}

#[tokio::test]
async fn python_keeps_results_through_faults() {
    PYTHON.keeps_results_through_faults().await;
}

#[tokio::test]
async fn python_ends_a_rejected_subscription() {
    PYTHON.ends_a_refused_subscription().await;
}

#[tokio::test]
async fn python_notices_a_frozen_connection() {
    PYTHON.notices_a_frozen_connection().await;
}
