//! Data sync: changed jobs are sent to targets or read from the feed, without gaps.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::receiver::{Receiver, ScriptedResponse};
use crate::harness::server::{Server, Site, Storage};

const TYPES: &str = "[log]\nlevel = \"info,tickerq::runtime=trace\"\n[job_types.NoopJob]\nhandler = \"noop\"\n";

/// Log text of a round that has sent all changes.
const ROUND: &str = "sync target 'warehouse' is up to date";

fn target(receiver: &Receiver, more: &str) -> String {
    format!(
        "{TYPES}[[change_feed.sinks]]\nname = \"warehouse\"\nurl = \"{}\"\ninterval = \"00:00:00.2\"\nbatch_size = 10\n\
         secret = \"sync-secret-key\"\n{more}\n",
        receiver.url()
    )
}

async fn create_many(client: &Client, count: usize) -> BTreeSet<String> {
    let jobs: Vec<Value> = (0..count).map(|_| json!({ "type": "NoopJob" })).collect();
    let made = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let made = made.json()["jobs"].as_array().expect("jobs").clone();
    made.iter()
        .filter_map(|job| job["id"].as_str().map(str::to_owned))
        .collect()
}

/// Jobs that a receiver was last sent as completed.
fn completed(receiver: &Receiver) -> BTreeSet<String> {
    let mut last = std::collections::BTreeMap::new();
    for got in receiver.got().into_iter().filter(|got| got.is_taken) {
        for job in got.json()["jobs"].as_array().expect("jobs") {
            last.insert(job["id"].as_str().expect("an id").to_owned(), job["status"].clone());
        }
    }
    last.into_iter()
        .filter(|(_, status)| status == "completed")
        .map(|(id, _)| id)
        .collect()
}

async fn knows_all(receiver: &Receiver, ids: &BTreeSet<String>) {
    eventually("the target knows that all have completed", || async {
        ids.is_subset(&completed(receiver)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_target_is_sent_changed_jobs_in_batches_that_are_signed() {
    let receiver = Receiver::open().await;
    let fields = "fields = [\"status\", \"duration\", \"queue\", \"result\"]";
    let (_site, server) = Server::with_config(&target(&receiver, fields));
    let ids = create_many(&server.client(), 25).await;
    knows_all(&receiver, &ids).await;
    let got = receiver.got();
    assert!(
        got.iter()
            .all(|got| got.json()["jobs"].as_array().is_some_and(|jobs| jobs.len() <= 10))
    );
    let batch = got.last().expect("a batch");
    let job = batch.json()["jobs"]
        .as_array()
        .and_then(|jobs| jobs.last().cloned())
        .expect("a job");
    let members: BTreeSet<&str> = job.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        members,
        BTreeSet::from(["duration", "id", "queue", "result", "status"]),
        "{job}"
    );
    assert!(
        batch
            .header("x-tickerq-signature")
            .is_some_and(|text| text.starts_with("sha256="))
    );
    let verified = super::verified_by_the_library(batch, "sync-secret-key", "raw").await;
    assert_eq!(verified, "undefined", "it is verified, and has no event");
}

#[tokio::test]
async fn the_references_fields_of_a_job_are_sent_by_default() {
    let receiver = Receiver::open().await;
    let (_site, server) = Server::with_config(&target(&receiver, ""));
    let ids = create_many(&server.client(), 1).await;
    knows_all(&receiver, &ids).await;
    let batch = receiver.got().pop().expect("a batch").json();
    let job = batch["jobs"][0].as_object().expect("a job");
    assert_eq!(
        job.keys().collect::<Vec<_>>(),
        ["duration", "executedAt", "id", "status"]
    );
    assert!(job["executedAt"].as_str().is_some_and(|time| time.ends_with('Z')));
}

async fn a_target_that_was_away_is_caught_up(storage: Storage) {
    let receiver = Receiver::open().await;
    receiver.otherwise(ScriptedResponse::Closes);
    let site = Site::new(
        storage,
        &format!("[cluster]\nlease_ttl = \"00:00:03\"\n{}", target(&receiver, "")),
    );
    let server = site.start();
    let mut ids = create_many(&server.client(), 40).await;
    receiver.receive(1).await;
    server.kill();
    receiver.otherwise(ScriptedResponse::OK);
    let server = site.start();
    ids.extend(create_many(&server.client(), 15).await);
    knows_all(&receiver, &ids).await;
    // The cursor of the last batch is stored.
    let rounds = server.logged(ROUND);
    server.until_logged(ROUND, rounds + 2).await;
    assert!(server.stop().success());
    let before = receiver.got().len();
    // It resumes at its cursor: accepted jobs are not sent again.
    let server = site.start();
    let more = create_many(&server.client(), 3).await;
    knows_all(&receiver, &more).await;
    let delivered: BTreeSet<String> = receiver.got()[before..]
        .iter()
        .flat_map(|got| got.json()["jobs"].as_array().cloned().unwrap_or_default())
        .filter_map(|job| job["id"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(delivered, more);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_catches_up_after_an_outage_on_sqlite() {
    a_target_that_was_away_is_caught_up(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_catches_up_after_an_outage_on_postgresql() {
    a_target_that_was_away_is_caught_up(Storage::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_send_one_target_everything() {
    let receiver = Receiver::open().await;
    let site = Site::new(
        Storage::Postgres,
        &format!("[cluster]\nlease_ttl = \"00:00:03\"\n{}", target(&receiver, "")),
    );
    let (first, second) = (site.start(), site.start());
    let mut ids = create_many(&first.client(), 30).await;
    ids.extend(create_many(&second.client(), 30).await);
    knows_all(&receiver, &ids).await;
    let batches: Vec<String> = receiver
        .got()
        .iter()
        .map(crate::harness::receiver::Received::id)
        .collect();
    assert_eq!(
        batches.iter().collect::<BTreeSet<_>>().len(),
        batches.len(),
        "no batch is sent twice"
    );
    first.kill();
    let more = create_many(&second.client(), 5).await;
    knows_all(&receiver, &more).await;
}

#[tokio::test]
async fn the_change_feed_can_be_polled() {
    let (_site, server) = Server::with_config(&format!("{TYPES}[change_feed]\nenable = true\n"));
    let client = server.client();
    let latest = client.get("/jobs/changes?after=latest").await.json();
    assert_eq!((&latest["changes"], &latest["hasMore"]), (&json!([]), &json!(false)));
    let mut cursor = latest["cursor"].as_str().expect("a cursor").to_owned();
    let ids = create_many(&client, 12).await;
    for id in &ids {
        client.wait_finished(id).await;
    }
    let mut seen = BTreeSet::new();
    loop {
        let page = client
            .get(&format!("/jobs/changes?after={cursor}&limit=5"))
            .await
            .json();
        for change in page["changes"].as_array().expect("changes") {
            assert_eq!(change["deleted"], json!(false));
            assert_eq!(change["job"]["status"], "completed", "as it is now: {change}");
            seen.insert(change["id"].as_str().expect("an id").to_owned());
        }
        cursor = page["cursor"].as_str().expect("a cursor").to_owned();
        if page["hasMore"] == json!(false) {
            break;
        }
    }
    assert_eq!(seen, ids);
    let id = ids.first().expect("an id");
    client
        .send(client.request(reqwest::Method::DELETE, &format!("/jobs/{id}")))
        .await;
    let page = client.get(&format!("/jobs/changes?after={cursor}")).await.json();
    assert_eq!(page["changes"], json!([{ "id": id, "deleted": true, "job": null }]));
    client.get("/jobs/changes?after=soon").await.problem(400);
    let whole = client.get("/jobs/changes?limit=1000").await.json();
    assert_eq!(whole["changes"].as_array().map(Vec::len), Some(12), "{whole}");
}

#[tokio::test]
async fn without_a_feed_the_route_reports_that_it_is_disabled() {
    let (_site, server) = Server::with_config("");
    let problem = server.client().get("/jobs/changes").await.problem(409);
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("[change_feed] enable = true"), "{detail}");
}
