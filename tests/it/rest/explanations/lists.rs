//! Explanations of pages of lists, and sums for queues.

use serde_json::{Value, json};

use super::{CONFIG, create, with_present};
use crate::graphql::data_of;
use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Site, Storage};
use crate::harness::shell::Shell;

async fn pages(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    client.post_empty("/queues/narrow/pause").await;
    for _ in 0..3 {
        create(&client, json!({ "type": "NoopJob", "queue": "narrow" })).await;
    }
    create(&client, json!({ "type": "Unknown" })).await;
    let done = create(&client, json!({ "type": "NoopJob" })).await;
    client.wait_finished(&done).await;
    let plain = client.get("/jobs").await.json();
    assert!(plain["jobs"][0].get("explanation").is_none(), "{plain}");
    let list = client.get("/jobs?explain=true&limit=4").await.json();
    let jobs = list["jobs"].as_array().expect("jobs");
    let of_list: Vec<&Value> = jobs
        .iter()
        .map(|job| &job["explanation"]["reasons"][0]["code"])
        .collect();
    assert_eq!(of_list, ["ended", "nobody-runs-type", "queue-paused", "queue-paused"]);
    for job in jobs {
        let id = job["id"].as_str().expect("an id");
        let single = client.get(&format!("/jobs/{id}/explain")).await.json();
        assert_eq!(job["explanation"], single);
    }
    let query = "{ jobs(first: 5) { nodes { explanation { reasons { code } } } } }";
    let data = data_of(&client, query).await;
    let of_page: Vec<&Value> = data["jobs"]["nodes"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| &job["explanation"]["reasons"][0]["code"])
        .collect();
    assert_eq!(
        of_page,
        [
            "ended",
            "nobody-runs-type",
            "queue-paused",
            "queue-paused",
            "queue-paused"
        ]
    );
}

#[tokio::test]
async fn a_page_has_the_explanations_of_its_jobs() {
    pages(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_page_has_the_explanations_of_its_jobs_on_postgresql() {
    pages(Storage::Postgres).await;
}

/// The sums of a queue over REST, which are the same over GraphQL.
async fn sums(client: &Client, queue: &str) -> Value {
    let rest = client.get(&format!("/queues/{queue}/explain")).await.json();
    let query = format!(
        "{{ queue(name: \"{queue}\") {{ explanation {{ summary pendingJobs reasons {{ code jobs isExact message since until \
         remedy evidence {{ types nearestType by }} }} }} }} }}"
    );
    let mut graphql = with_present(&data_of(client, &query).await["queue"]["explanation"]);
    graphql["queue"] = json!(queue);
    let mut expected = with_present(&rest);
    let present = [&mut expected, &mut graphql];
    for value in present {
        for reason in value["reasons"].as_array_mut().into_iter().flatten() {
            // REST has further evidence.
            reason.as_object_mut().expect("a reason").remove("evidence");
        }
    }
    assert_eq!(expected, graphql);
    rest
}

fn shares(sums: &Value) -> Vec<(&str, u64)> {
    let reasons = sums["reasons"].as_array().into_iter().flatten();
    reasons
        .map(|reason| {
            let code = reason["code"].as_str().expect("a code");
            (code, reason["jobs"].as_u64().expect("a number"))
        })
        .collect()
}

async fn sums_of_queues(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    assert_eq!(sums(&client, "narrow").await["summary"], "no job is pending");
    let running = create(&client, json!({ "type": "LongJob", "queue": "narrow" })).await;
    client.wait_for(&running, &["running"]).await;
    for _ in 0..3 {
        create(&client, json!({ "type": "NoopJob", "queue": "narrow" })).await;
    }
    for _ in 0..2 {
        create(
            &client,
            json!({ "type": "NoopJob", "queue": "narrow", "delay": "01:00:00" }),
        )
        .await;
    }
    create(
        &client,
        json!({ "type": "NopJob", "queue": "narrow", "delay": "01:00:00" }),
    )
    .await;
    let expected = [("workers-busy", 3), ("scheduled", 2), ("nobody-runs-type", 1)];
    let found = eventually("the sums are exact", || async {
        let found = sums(&client, "narrow").await;
        (shares(&found) == expected).then_some(found)
    })
    .await;
    assert_eq!(
        found["summary"],
        "6 jobs wait: 3 for a worker, 2 for the due time, 1 for a handler of the type"
    );
    assert_eq!(found["reasons"][2]["evidence"]["nearestType"], "NoopJob");
    client.post_empty("/queues/narrow/pause").await;
    eventually("the queue is paused", || async {
        let found = sums(&client, "narrow").await;
        (shares(&found) == [("queue-paused", 3), ("scheduled", 2), ("nobody-runs-type", 1)]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_queue_has_the_sums_of_its_reasons() {
    sums_of_queues(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_queue_has_the_sums_of_its_reasons_on_postgresql() {
    sums_of_queues(Storage::Postgres).await;
}

#[test]
fn the_command_line_explains_a_job_and_a_queue() {
    let shell = Shell::start("");
    let created = shell.run(&["job", "create", "Typo", "--delay", "01:00:00"]);
    let id = created.out.split(' ').nth(1).expect("an id");
    let printed = shell.run(&["job", "explain", id]).out;
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], format!("job {id} is pending"), "{printed}");
    assert!(lines[1].starts_with("REASON"), "{printed}");
    assert!(lines[2].starts_with("nobody-runs-type"), "{printed}");
    assert!(lines[3].starts_with("scheduled"), "{printed}");
    let json: Value = serde_json::from_str(&shell.run(&["job", "explain", id, "--json"]).out).expect("JSON");
    assert_eq!(json["state"], "pending");
    let printed = shell.run(&["queue", "explain", "default"]).out;
    assert!(
        printed.starts_with("1 job waits for a handler of the type\n") || printed.contains("nobody-runs-type"),
        "{printed}"
    );
}
