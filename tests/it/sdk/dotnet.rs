//! `sdk/dotnet`, compiled by `scripts/dotnet`.

use super::Language;

pub const DOTNET: Language = Language {
    program: "/usr/bin/env",
    arguments: &["../../target/dotnet/dotnet", "exec"],
    scenarios: "../../target/dotnet/Scenarios.dll",
    folder: "dotnet",
    environment: &[
        ("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1"),
        ("LD_LIBRARY_PATH", "../../target/dotnet/ssl/usr/lib/x86_64-linux-gnu"),
    ],
};

#[tokio::test]
async fn dotnet_passes_the_scenarios() {
    DOTNET.passes_the_scenarios().await;
}

#[tokio::test]
async fn dotnet_receives_events_after_a_restart() {
    DOTNET.receives_events_after_a_restart().await;
}

#[tokio::test]
async fn dotnet_survives_a_killed_worker() {
    DOTNET.survives_a_killed_worker().await;
}

#[tokio::test]
async fn dotnet_waits_for_a_server() {
    DOTNET.waits_for_a_server().await;
}

#[tokio::test]
async fn dotnet_has_examples_that_run() {
    DOTNET
        .has_examples_that_run(
            "../../target/dotnet/Schedule.dll",
            "../../target/dotnet/Watch.dll",
            "../../target/dotnet/Work.dll",
            "../../target/dotnet/Webhook.dll",
        )
        .await;
}

#[tokio::test]
async fn dotnet_keeps_results_through_faults() {
    DOTNET.keeps_results_through_faults().await;
}

#[tokio::test]
async fn dotnet_ends_a_rejected_subscription() {
    DOTNET.ends_a_refused_subscription().await;
}

#[tokio::test]
async fn dotnet_notices_a_frozen_connection() {
    DOTNET.notices_a_frozen_connection().await;
}
