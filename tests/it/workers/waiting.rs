//! Many lease calls that wait: what they cost, and which of them a job wakes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::many_types::commits;
use super::{WAITING, Worker, id_of};
use crate::harness::client::Client;
use crate::harness::server::{Server, Site, Storage};

const CONFIG: &str = "[metrics]\nenable_prometheus_export = true\n[log]\nlevel = \"info,tickerq::runtime=trace\"\n\
                      [job_types.MailJob]\nhandler = \"remote\"\n[job_types.FaxJob]\nhandler = \"remote\"\n";

/// A waiting call, and the id of the job that it leases.
type Call = JoinHandle<String>;

/// Starts this number of calls, each by a worker of its own, in this order.
async fn waiting_calls(server: &Server, declaration: &Value, count: usize) -> Vec<Call> {
    let client = server.client();
    let mut workers = Vec::with_capacity(count);
    for _ in 0..count {
        workers.push(Worker::register(&client, declaration.clone()).await);
    }
    let mut calls = Vec::with_capacity(count);
    for worker in workers {
        let waits = server.logged(WAITING);
        calls.push(tokio::spawn(async move { id_of(&worker.lease_one().await).to_owned() }));
        server.until_logged(WAITING, waits + 1).await;
    }
    calls
}

async fn job(client: &Client, body: Value) -> String {
    client.create(body).await["id"].as_str().expect("an id").to_owned()
}

async fn wakes_few(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    let mail = json!({ "name": "mail", "types": ["MailJob"] });
    let fax = json!({ "name": "fax", "types": ["FaxJob"], "queues": ["a", "b"] });
    let faxes = waiting_calls(&server, &fax, 2).await;
    // Few: each waits for 30 seconds at most.
    let mails = waiting_calls(&server, &mail, 8).await;
    let before = commits(&client).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let made = commits(&client).await - before;
    assert!(made < 6.0, "{made} transactions of 10 calls that wait");
    let before = commits(&client).await;
    let mut mails = mails;
    while !mails.is_empty() {
        let id = job(&client, json!({ "type": "MailJob" })).await;
        let (leased, _, rest) = futures_util::future::select_all(mails).await;
        assert_eq!(leased.expect("a job"), id);
        mails = rest;
    }
    // A delayed job, and one of a queue that a call does not accept.
    job(&client, json!({ "type": "FaxJob" })).await;
    let id = job(
        &client,
        json!({ "type": "FaxJob", "queue": "b", "delay": "00:00:00.5" }),
    )
    .await;
    let (leased, _, faxes) = futures_util::future::select_all(faxes).await;
    assert_eq!(leased.expect("a job"), id);
    let made = commits(&client).await - before;
    assert!(made < 10.0 * 2.0 + 30.0, "{made} transactions for 10 jobs");
    let needless = server.logged(WAITING) - 10;
    assert!(needless <= 10, "{needless} calls were woken without a job by 10 jobs");
    for call in faxes {
        assert!(!call.is_finished());
        call.abort();
    }
}

#[tokio::test]
async fn a_job_wakes_two_of_many_waiting_workers_at_most() {
    wakes_few(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_job_wakes_two_of_many_waiting_workers_at_most_on_postgresql() {
    wakes_few(Storage::Postgres).await;
}

#[tokio::test]
async fn a_job_wakes_one_waiting_worker_of_each_node_at_most() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let (first, second) = (site.start(), site.start());
    let mail = json!({ "name": "mail", "types": ["MailJob"] });
    let here = waiting_calls(&first, &mail, 10).await;
    let there = waiting_calls(&second, &mail, 10).await;
    let mut calls = here;
    calls.extend(there);
    let client = first.client();
    let started = Instant::now();
    for number in 0..20 {
        let id = job(&client, json!({ "type": "MailJob" })).await;
        let (leased, _, rest) = futures_util::future::select_all(calls).await;
        assert_eq!(leased.expect("a job"), id, "job {number}");
        calls = rest;
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let woken = first.logged(WAITING) + second.logged(WAITING) - 20;
    assert!(woken <= 20, "{woken} calls were woken without a job by 20 jobs");
}

async fn loses_no_job(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    let started = Instant::now();
    let mut working = Vec::new();
    for _ in 0..4 {
        let worker = Worker::register(&client, json!({ "name": "mail", "types": ["MailJob"] })).await;
        // Calls begin at all times before and after the jobs are stored, and some end without one.
        working.push(tokio::spawn(async move {
            let mut leased = 0;
            for round in 0.. {
                let wait = if round % 3 == 0 { "00:00:00.01" } else { "00:00:04" };
                let jobs = worker.lease(1, wait).await;
                if jobs.is_empty() && wait == "00:00:04" {
                    break;
                }
                leased += jobs.len();
            }
            leased
        }));
    }
    for _ in 0..150 {
        job(&client, json!({ "type": "MailJob" })).await;
    }
    let mut leased = 0;
    for work in working {
        leased += work.await.expect("a worker");
    }
    assert_eq!(leased, 150);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[tokio::test]
async fn no_job_is_overlooked_by_workers_that_begin_to_wait() {
    loses_no_job(Storage::Sqlite).await;
}

#[tokio::test]
async fn no_job_is_overlooked_by_workers_that_begin_to_wait_on_postgresql() {
    loses_no_job(Storage::Postgres).await;
}

#[tokio::test]
async fn a_job_wakes_the_next_worker_when_the_first_has_left() {
    let site = Site::new(Storage::Sqlite, CONFIG);
    let server = site.start();
    let client = server.client();
    let mail = json!({ "name": "mail", "types": ["MailJob"] });
    let gone = Worker::register(&client, mail.clone()).await;
    let path = format!("/workers/{}", gone.id);
    let waits = server.logged(WAITING);
    let call = {
        let (client, path) = (client.clone(), gone.path("lease"));
        tokio::spawn(async move { client.post(&path, json!({ "max": 1, "wait": "30s" })).await })
    };
    server.until_logged(WAITING, waits + 1).await;
    let next = waiting_calls(&server, &mail, 1).await.remove(0);
    client.send(client.request(reqwest::Method::DELETE, &path)).await;
    let started = Instant::now();
    let id = job(&client, json!({ "type": "MailJob" })).await;
    // The call of the first one is woken, has no lease, and passes the job on.
    call.await.expect("a response").problem(409);
    assert_eq!(next.await.expect("a job"), id);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
