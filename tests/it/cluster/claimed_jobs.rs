//! Jobs that nodes have claimed ahead of their start, when a node is killed, stops, drains or its queue is paused.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage, query_sql};

const CONFIG: &str = r#"
[cluster]
lease_ttl = "00:00:03"

[job_types.QuickJob]
handler = "noop"
"#;

const BATCH: usize = 500;

/// Fills the paused queue with jobs.
async fn fill(client: &Client, count: usize) {
    assert!(client.post_empty("/queues/default/pause").await.status.is_success());
    for _ in 0..count / BATCH {
        let jobs = vec![json!({ "type": "QuickJob" }); BATCH];
        let response = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
        assert!(response.status.is_success(), "{}", response.text);
    }
}

async fn resume(client: &Client) {
    assert!(client.post_empty("/queues/default/resume").await.status.is_success());
}

fn number(site: &Site, sql: &str) -> u64 {
    query_sql(site.database_url(), sql).parse().expect("a number")
}

fn claimed(site: &Site) -> u64 {
    number(site, "SELECT count(*) FROM jobs WHERE claimed_by IS NOT NULL")
}

/// Waits until the nodes have claimed jobs ahead, in the middle of the backlog.
async fn until_claimed(site: &Site) {
    eventually("jobs are claimed ahead", || async { (claimed(site) > 0).then_some(()) }).await;
}

async fn until_all_have_ended(client: &Client) {
    eventually("no job is pending or running", || async {
        let counts = client.queue("default").await;
        (counts["pendingJobs"] == 0 && counts["runningJobs"] == 0).then_some(())
    })
    .await;
}

/// Fails unless each job has completed once, and has no other attempts than lost ones. Returns the number of lost attempts.
fn completed_once(site: &Site, jobs: usize) -> u64 {
    let jobs = jobs as u64;
    assert_eq!(number(site, "SELECT count(*) FROM jobs WHERE status = 2"), jobs);
    assert_eq!(claimed(site), 0);
    let by_status = "SELECT count(*) FROM attempts WHERE status =";
    assert_eq!(number(site, &format!("{by_status} 2")), jobs, "completed attempts");
    let lost = number(site, &format!("{by_status} 6"));
    assert_eq!(number(site, "SELECT count(*) FROM attempts"), jobs + lost, "no others");
    assert_eq!(number(site, "SELECT sum(attempt) FROM jobs"), jobs + lost);
    lost
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_of_a_backlog_runs_once_on_two_nodes() {
    const JOBS: usize = 6_000;
    let site = Site::new(Storage::Postgres, CONFIG);
    let (first, second) = (site.start(), site.start());
    let client = first.client();
    fill(&client, JOBS).await;
    resume(&client).await;
    until_claimed(&site).await;
    until_all_have_ended(&client).await;
    assert_eq!(completed_once(&site, JOBS), 0);
    let nodes = number(&site, "SELECT count(DISTINCT node) FROM attempts");
    assert_eq!(nodes, 2, "both nodes run jobs");
    assert!(first.stop().success() && second.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_claimed_jobs_of_a_killed_node_run_on_another() {
    const JOBS: usize = 6_000;
    let site = Site::new(Storage::Postgres, CONFIG);
    let first = site.start();
    fill(&first.client(), JOBS).await;
    resume(&first.client()).await;
    until_claimed(&site).await;
    first.kill();
    let left = claimed(&site);
    let second = site.start();
    until_all_have_ended(&second.client()).await;
    let lost = completed_once(&site, JOBS);
    assert!(
        lost >= left,
        "{left} claimed jobs may have begun, {lost} attempts are lost"
    );
    assert!(lost <= 512 + 10, "{lost} attempts are lost");
    let in_a_row = number(&site, "SELECT max(attempt) FROM jobs");
    assert!(in_a_row <= 2, "a job has lost {in_a_row} attempts");
    assert!(second.stop().success());
}

/// Interrupts a backlog, and returns the server with its queue again after the check that its claims have ended.
async fn interrupted(site: &Site, server: &Server, interrupt: impl AsyncFnOnce(&Client)) {
    let client = server.client();
    fill(&client, 6_000).await;
    resume(&client).await;
    until_claimed(site).await;
    interrupt(&client).await;
    eventually("the claims have ended", || async { (claimed(site) == 0).then_some(()) }).await;
    let pending = number(site, "SELECT count(*) FROM jobs WHERE status = 0");
    assert!(pending > 0, "the backlog was too small");
    assert_eq!(
        number(site, "SELECT count(*) FROM jobs WHERE status = 0 AND attempt > 0"),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_queue_releases_its_claimed_jobs_and_clears_them() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    interrupted(&site, &server, async |client| {
        assert!(client.post_empty("/queues/default/pause").await.status.is_success());
    })
    .await;
    let client = server.client();
    resume(&client).await;
    until_claimed(&site).await;
    assert!(client.post_empty("/queues/default/pause").await.status.is_success());
    let cleared = client.post_empty("/queues/default/clear").await;
    assert!(cleared.status.is_success(), "{}", cleared.text);
    assert_eq!(client.queue("default").await["pendingJobs"], 0, "{}", cleared.text);
    let attempts = number(&site, "SELECT count(*) FROM attempts WHERE status <> 2");
    assert_eq!(attempts, 0, "all attempts have completed");
    assert!(server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_node_releases_its_claimed_jobs() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    interrupted(&site, &server, async |client| {
        let nodes: Value = client.get("/nodes").await.json();
        let id = nodes["nodes"][0]["id"].as_str().expect("an id").to_owned();
        assert!(
            client
                .post_empty(&format!("/nodes/{id}/drain"))
                .await
                .status
                .is_success()
        );
    })
    .await;
    let other = site.start();
    until_all_have_ended(&other.client()).await;
    assert_eq!(completed_once(&site, 6_000), 0);
    assert!(other.stop().success() && server.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_node_releases_its_claimed_jobs() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let server = site.start();
    interrupted(&site, &server, async |_| server.signal(Signal::TERM)).await;
    assert!(server.wait().success());
    assert_eq!(number(&site, "SELECT count(*) FROM jobs WHERE status = 1"), 0);
    let other = site.start();
    until_all_have_ended(&other.client()).await;
    assert_eq!(completed_once(&site, 6_000), 0);
    assert!(other.stop().success());
}
