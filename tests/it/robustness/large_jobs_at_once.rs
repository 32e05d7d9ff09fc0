//! Concurrent requests for large jobs, large occurrences, events and batches of data sync hold a bounded amount of
//! memory.

use std::collections::BTreeSet;

use chrono::{SecondsFormat, TimeDelta, Utc};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::memory::MB;
use super::whole_jobs::{Growth, LARGE, create_large, parameters};
use crate::graphql::socket::Socket;
use crate::harness::client::{ApiResponse, Client};
use crate::harness::eventually;
use crate::harness::receiver::Receiver;
use crate::harness::server::{Server, Site, Storage, run_sql};

/// A small budget for responses: other memory shows beyond it.
const CONFIG: &str = "[server]\nmax_response_memory = \"32MiB\"\n[job_types.Echo]\n\
                      handler = { command = { program = \"cat\" } }\n";

/// Sends the same request for each id concurrently, and repeats those that are rejected for lack of memory.
async fn all_at_once(
    client: &Client,
    ids: &[String],
    request: impl Fn(&str) -> reqwest::RequestBuilder,
) -> Vec<ApiResponse> {
    let mut together = JoinSet::new();
    for id in ids {
        let request = request(id);
        let client = client.clone();
        together.spawn(async move {
            loop {
                let attempt = request.try_clone().expect("a body that can be sent again");
                let response = client.send(attempt).await;
                if response.status != StatusCode::SERVICE_UNAVAILABLE {
                    return response;
                }
            }
        });
    }
    together.join_all().await
}

fn assert_all(responses: &[ApiResponse], status: StatusCode) {
    for response in responses {
        assert_eq!(response.status, status, "{:.300}", response.text);
    }
}

async fn requests_over(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    let ids = create_large(&client, "Echo", &json!({ "delay": "01:00:00" })).await;
    let of = |id: &str, action: &str| client.request(Method::POST, &format!("/jobs/{id}/{action}"));

    let growth = Growth::of(&server);
    let many: Vec<String> = ids.iter().cycle().take(5 * LARGE).cloned().collect();
    let read = all_at_once(&client, &many, |id| client.request(Method::GET, &format!("/jobs/{id}"))).await;
    assert_all(&read, StatusCode::OK);
    assert!(read.iter().all(|response| response.text.len() > MB - 10));
    growth.assert_small("concurrent reads");
    drop(read);

    let growth = Growth::of(&server);
    let renamed = all_at_once(&client, &ids, |id| {
        client
            .request(Method::PATCH, &format!("/jobs/{id}"))
            .json(&json!({ "name": "renamed", "parameters": "small" }))
    });
    assert_all(&renamed.await, StatusCode::OK);
    growth.assert_small("concurrent updates");
    let job = client.job(&ids[1]).await;
    assert_eq!((&job["name"], &job["parameters"]), (&json!("renamed"), &json!("small")));
    let restored = all_at_once(&client, &ids[..8], |id| {
        client
            .request(Method::PATCH, &format!("/jobs/{id}"))
            .json(&json!({ "parameters": parameters(7) }))
    });
    assert_all(&restored.await, StatusCode::OK);
    assert_eq!(client.job(&ids[1]).await["parameters"], parameters(7));

    // Finished with a result as large as the parameters.
    let ids = create_large(&client, "Echo", &json!({ "uniqueKey": null })).await;
    for (number, id) in ids.iter().enumerate() {
        assert_eq!(client.wait_finished(id).await["result"], parameters(number));
    }
    client.post_empty("/queues/default/pause").await;
    let growth = Growth::of(&server);
    let executed = all_at_once(&client, &ids, |id| {
        of(id, "execute").json(&json!({ "delay": "01:00:00" }))
    });
    assert_all(&executed.await, StatusCode::OK);
    growth.assert_small("concurrent executions");
    let job = client.job(&ids[3]).await;
    assert_eq!(
        (&job["status"], &job["result"], &job["parameters"]),
        (&json!("pending"), &Value::Null, &json!(parameters(3)))
    );

    let growth = Growth::of(&server);
    assert_all(&all_at_once(&client, &ids, |id| of(id, "cancel")).await, StatusCode::OK);
    growth.assert_small("concurrent cancellations");
    let growth = Growth::of(&server);
    assert_all(&all_at_once(&client, &ids, |id| of(id, "retry")).await, StatusCode::OK);
    growth.assert_small("concurrent retries");
    let job = client.job(&ids[5]).await;
    assert_eq!(
        (&job["status"], &job["parameters"]),
        (&json!("pending"), &json!(parameters(5)))
    );
}

#[tokio::test]
async fn concurrent_requests_for_large_jobs_are_bounded_on_sqlite() {
    requests_over(Storage::Sqlite).await;
}

#[tokio::test]
async fn concurrent_requests_for_large_jobs_are_bounded_on_postgresql() {
    requests_over(Storage::Postgres).await;
}

async fn recurring_jobs_over(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    client.post_empty("/queues/default/pause").await;
    let starts_at = Utc::now() + TimeDelta::seconds(20);
    let starts_at = starts_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let mut ids = Vec::with_capacity(LARGE);
    for number in 0..LARGE {
        let recurring = json!({
            "type": "Echo", "cronExpression": "* * * * * *", "startsAt": starts_at, "endsAt": starts_at,
            "parameters": parameters(number),
        });
        let created = client.post("/jobs", recurring).await;
        assert_eq!(created.status, StatusCode::CREATED, "{:.300}", created.text);
        ids.push(created.json()["id"].as_str().expect("an id").to_owned());
    }
    let growth = Growth::of(&server);
    eventually("each recurring job has its only occurrence", async || {
        (client.queue("default").await["pendingJobs"] == LARGE).then_some(())
    })
    .await;
    growth.assert_small("occurrences that are due together");

    let growth = Growth::of(&server);
    let triggered = all_at_once(&client, &ids, |id| {
        client.request(Method::POST, &format!("/jobs/recurring/{id}/trigger"))
    });
    let triggered = triggered.await;
    assert!(
        triggered.iter().all(|response| response.status.is_success()),
        "{:.300}",
        triggered[0].text
    );
    growth.assert_small("concurrent triggers");
    let growth = Growth::of(&server);
    let disabled = all_at_once(&client, &ids, |id| {
        client.request(Method::POST, &format!("/jobs/recurring/{id}/disable"))
    });
    assert_all(&disabled.await, StatusCode::OK);
    growth.assert_small("concurrent changes of recurring jobs");
    assert_eq!(client.queue("default").await["pendingJobs"], 2 * LARGE);
}

#[tokio::test]
async fn large_recurring_jobs_that_are_due_together_are_bounded_on_sqlite() {
    recurring_jobs_over(Storage::Sqlite).await;
}

#[tokio::test]
async fn large_recurring_jobs_that_are_due_together_are_bounded_on_postgresql() {
    recurring_jobs_over(Storage::Postgres).await;
}

#[tokio::test]
async fn missed_occurrences_with_large_parameters_are_bounded() {
    const MISSED: usize = 100;
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    let client = server.client();
    client.post_empty("/queues/default/pause").await;
    let recurring = json!({
        "type": "Echo", "cronExpression": "* * * * *", "misfirePolicy": "catch_up", "catchUpMax": MISSED,
        "parameters": parameters(1),
    });
    let created = client.post("/jobs", recurring).await;
    assert_eq!(created.status, StatusCode::CREATED, "{:.300}", created.text);
    server.stop();
    // As after hours without a server.
    let microseconds = 300_i64 * 60 * 1_000_000;
    run_sql(
        site.database_url(),
        &format!("UPDATE recurring_jobs SET next_run_at = next_run_at - {microseconds}"),
    );
    let server = site.start();
    let growth = Growth::of(&server);
    let client = server.client();
    eventually("the missed occurrences are created", async || {
        let pending = client.queue("default").await["pendingJobs"].as_u64();
        pending.is_some_and(|pending| pending >= MISSED as u64).then_some(())
    })
    .await;
    growth.assert_small("missed occurrences");
}

#[tokio::test]
async fn subscribers_that_are_behind_hold_no_large_texts() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let query = "subscription { jobStatusChanged { event job { parameters } } }";
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let mut socket = Socket::connected_at(&server.url).await;
        socket.subscribe("1", query).await;
        sockets.push(socket);
    }
    let growth = Growth::of(&server);
    for _ in 0..2 {
        create_large(&client, "Unhandled", &json!({ "uniqueKey": null })).await;
    }
    growth.assert_small("events for subscribers that read nothing");
    // A subscriber that resumes reading receives the parameters.
    let event = sockets[0].expect_message("next").await;
    let text = event["payload"]["data"]["jobStatusChanged"]["job"]["parameters"].as_str();
    assert_eq!(text.map(str::len), Some(MB - 2), "{event:.300}");
}

async fn data_sync_over(storage: Storage) {
    let target = Receiver::open().await;
    let config = format!(
        "[[change_feed.sinks]]\nname = \"warehouse\"\nurl = \"{}\"\ninterval = \"00:00:10\"\nbatch_size = 500\n\
         secret = \"sync-secret-key\"\nfields = [\"parameters\"]\n",
        target.url()
    );
    let site = Site::new(storage, &config);
    let server = site.start();
    let client = server.client();
    let ids = create_large(&client, "Unhandled", &json!({})).await;
    let growth = Growth::of(&server);
    // A limit for each quarter: a debug build signs 60 MB slowly beside other tests.
    for quarter in 1..=4 {
        eventually("a quarter of all jobs is sent", async || {
            // Without a copy of the bodies, which takes longer than the batches.
            (target.body_bytes() > LARGE * quarter / 4 * (MB - 2)).then_some(())
        })
        .await;
    }
    growth.assert_small("batches of data sync");
    let batches = target.got();
    let jobs = batches
        .iter()
        .flat_map(|got| got.json()["jobs"].as_array().cloned().expect("jobs"));
    let sent: BTreeSet<String> = jobs.filter_map(|job| job["id"].as_str().map(str::to_owned)).collect();
    assert!(ids.iter().all(|id| sent.contains(id)));
    let largest = batches.iter().map(|got| got.body.len()).max();
    assert!(largest.is_some_and(|bytes| bytes < 18 * MB), "{largest:?}");
}

#[tokio::test]
async fn batches_of_data_sync_are_bounded_in_bytes_on_sqlite() {
    data_sync_over(Storage::Sqlite).await;
}

#[tokio::test]
async fn batches_of_data_sync_are_bounded_in_bytes_on_postgresql() {
    data_sync_over(Storage::Postgres).await;
}
