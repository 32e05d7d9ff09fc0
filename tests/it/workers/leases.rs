//! Leases of jobs: waiting for them, renewing and losing them.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{CONFIG, WAITING, Worker, id_of, leased_of, of};
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

#[tokio::test]
async fn a_waiting_lease_call_returns_when_a_job_arrives() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let start = Instant::now();
    assert!(worker.lease(5, "00:00:00.2").await.is_empty());
    assert!(
        start.elapsed() >= Duration::from_millis(200),
        "it waits as long as requested"
    );
    let waits = server.logged(WAITING);
    let creating = async {
        server.until_logged(WAITING, waits + 1).await;
        (client.create_of_type("MailJob").await, Instant::now())
    };
    let (leased, (id, created)) = tokio::join!(worker.lease_one(), creating);
    assert_eq!(id_of(&leased), id);
    assert!(
        created.elapsed() < Duration::from_millis(1_900),
        "it returns when a job arrives, before its next poll"
    );
    // Jobs of a paused queue are not leased.
    client.post_empty("/queues/default/pause").await;
    let id = client.create_of_type("MailJob").await;
    assert!(worker.lease(5, "00:00:00.1").await.is_empty());
    let waits = server.logged(WAITING);
    let resuming = async {
        server.until_logged(WAITING, waits + 1).await;
        client.post_empty("/queues/default/resume").await;
    };
    let (leased, ()) = tokio::join!(worker.lease_one(), resuming);
    assert_eq!(id_of(&leased), id);
    // A job that becomes due later is found at that time.
    client.create(json!({ "type": "MailJob", "delay": "00:00:01" })).await;
    worker.lease_one().await;
}

#[tokio::test]
async fn a_waiting_lease_call_renews_the_lease_of_its_worker() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    // Longer than the lease of three seconds, without a heartbeat.
    for _ in 0..2 {
        assert!(worker.lease(1, "5s").await.is_empty());
    }
    let listed = client.get(&format!("/workers/{}", worker.id)).await.json();
    assert_eq!(listed["status"], "live", "{listed}");
    let id = client.create_of_type("MailJob").await;
    assert_eq!(id_of(&worker.lease_one().await), id);
}

#[tokio::test]
async fn a_worker_with_an_expired_lease_gets_no_jobs_until_its_next_heartbeat() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let listed = || async { client.get(&format!("/workers/{}", worker.id)).await.json()["status"].clone() };
    eventually("the lease has expired", || async {
        (listed().await == "lost").then_some(())
    })
    .await;
    client
        .post(&worker.path("lease"), json!({ "max": 1 }))
        .await
        .problem(409);
    worker.heartbeat(&[]).await;
    assert!(worker.lease(1, "00:00:00").await.is_empty());
}

#[tokio::test]
async fn a_worker_leases_jobs_from_the_requested_queues() {
    let config = format!("{CONFIG}\n[[queues]]\nname = \"slow\"\nconcurrency = 1\nrate_limit = \"2/h\"\n");
    let (_site, server) = Server::with_config(&config);
    let client = server.client();
    let declaration = json!({ "name": "picky", "types": ["MailJob"], "queues": ["a", "slow"], "concurrency": 4 });
    let worker = Worker::register(&client, declaration).await;
    for queue in ["b", "a", "slow", "slow", "slow", "a"] {
        client.create(json!({ "type": "MailJob", "queue": queue })).await;
    }
    let mut queues: Vec<String> = Vec::new();
    for job in worker.lease(10, "00:00:00").await {
        queues.push(job["queue"].as_str().expect("a queue").to_owned());
    }
    queues.sort();
    assert_eq!(
        queues,
        ["a", "a", "slow", "slow"],
        "and no faster than the queue's rate"
    );
}

async fn loses_jobs(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    let leased = worker.lease_one().await;
    // Without heartbeats its lease expires, and another worker leases the job.
    let other = Worker::mailer(&client).await;
    let again = eventually("the job is pending again", || async {
        other.heartbeat(&[]).await;
        other.lease(1, "00:00:00.2").await.pop()
    })
    .await;
    assert_eq!((id_of(&again), &again["attempt"]), (&*id, &json!(2)));
    let late = json!({ "jobs": [of(&leased, json!({ "result": 1 }))] });
    client.post(&worker.path("complete"), late).await.problem(409);
    // The token of another worker's lease is rejected.
    let stolen = json!({ "jobs": [of(&again, json!({ "result": 1 }))] });
    client.post(&worker.path("complete"), stolen).await.problem(409);
    let problem = client.post(&worker.path("lease"), json!({})).await.problem(409);
    assert!(
        problem["detail"].as_str().is_some_and(|text| text.contains("run out")),
        "{problem}"
    );
    let heartbeat = worker.heartbeat(&[of(&leased, json!({}))]).await;
    assert_eq!(
        heartbeat["lost"],
        json!([id]),
        "the heartbeat reports the loss and renews the lease: {heartbeat}"
    );
    assert!(worker.lease(1, "00:00:00").await.is_empty());
    let done = json!({ "jobs": [of(&again, json!({ "result": 2 }))] });
    let response = client.post(&other.path("complete"), done).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    let job = client.job(&id).await;
    assert_eq!(
        (&job["result"], &job["executionHistory"][0]["status"]),
        (&json!(2), &json!("lost"))
    );
}

#[tokio::test]
async fn jobs_of_a_silent_worker_are_leased_to_another() {
    loses_jobs(Storage::Sqlite).await;
}

#[tokio::test]
async fn jobs_of_a_silent_worker_are_leased_to_another_on_postgresql() {
    loses_jobs(Storage::Postgres).await;
}

#[tokio::test]
async fn a_worker_keeps_its_jobs_while_the_server_restarts() {
    let site = Site::new(Storage::Sqlite, &CONFIG.replace("00:00:03", "00:01:00"));
    let server = site.start();
    let worker = Worker::mailer(&server.client()).await;
    let id = server.client().create_of_type("MailJob").await;
    let leased = worker.lease_one().await;
    let address = server.url.trim_start_matches("http://").to_owned();
    server.kill();
    let server = site.start_at(&address);
    let client = server.client();
    let worker = Worker {
        client: client.clone(),
        id: worker.id,
    };
    worker.heartbeat(&[of(&leased, json!({}))]).await;
    let done = json!({ "jobs": [of(&leased, json!({}))] });
    let response = client.post(&worker.path("complete"), done).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    let job = client.job(&id).await;
    assert_eq!((&job["status"], &job["attempt"]), (&json!("completed"), &json!(1)));
}

#[tokio::test]
async fn a_job_whose_lease_response_was_lost_is_requeued() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    worker.lease_one().await;
    // The worker reports no job: the response has not reached it.
    let again = eventually("the job can be leased again", || async {
        worker.heartbeat(&[]).await;
        worker.lease(1, "00:00:00.2").await.pop()
    })
    .await;
    assert_eq!((id_of(&again), &again["attempt"]), (&*id, &json!(2)));
}

#[tokio::test]
async fn jobs_of_a_leaving_worker_are_requeued() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    let other = client.create_of_type("MailJob").await;
    let leased = worker.lease(2, "00:00:00").await;
    let released = json!({ "jobs": [of(&leased[1], json!({ "outcome": "released" }))] });
    client.post(&worker.path("fail"), released).await;
    assert_eq!(client.job(&other).await["status"], "pending");
    let path = format!("/workers/{}", worker.id);
    let left = client.send(client.request(Method::DELETE, &path)).await;
    assert_eq!(left.status, StatusCode::NO_CONTENT, "{}", left.text);
    let job = client.job(&id).await;
    assert_eq!(
        (
            &job["status"],
            &job["retryCount"],
            &job["executionHistory"][0]["status"]
        ),
        (&json!("pending"), &json!(0), &json!("interrupted"))
    );
    assert_eq!(client.get("/workers").await.json()["workers"], json!([]));
    assert_eq!(client.get(&path).await.json()["status"], "left");
    client.post(&worker.path("heartbeat"), json!({})).await.problem(404);
    client.post(&worker.path("lease"), json!({})).await.problem(404);
    let unknown = format!("/workers/{id}");
    client.get(&unknown).await.problem(404);
    client
        .post(&format!("{unknown}/heartbeat"), json!({}))
        .await
        .problem(404);
}

#[tokio::test]
async fn a_worker_may_call_any_node() {
    let site = Site::new(Storage::Postgres, CONFIG);
    let (first, second) = (site.start(), site.start());
    let worker = Worker::mailer(&first.client()).await;
    let there = Worker {
        client: second.client(),
        id: worker.id.clone(),
    };
    // It waits at one node while the job is created at the other.
    let creating = async {
        second.until_logged(WAITING, 1).await;
        first.client().create_of_type("MailJob").await
    };
    let (leased, id) = tokio::join!(there.lease_one(), creating);
    assert_eq!(id_of(&leased), id);
    let nodes = first.client().get("/nodes").await.json();
    assert_eq!(
        nodes["nodes"].as_array().map(Vec::len),
        Some(2),
        "a worker is no node: {nodes}"
    );
    worker
        .heartbeat(&[of(&leased, json!({ "progress": { "percent": 10 } }))])
        .await;
    second.client().post_empty(&format!("/jobs/{id}/cancel")).await;
    assert_eq!(
        worker.heartbeat(&leased_of(std::slice::from_ref(&leased))).await["cancelled"],
        json!([id])
    );
    first.kill();
    there.heartbeat(&leased_of(std::slice::from_ref(&leased))).await;
    let done = json!({ "jobs": [of(&leased, json!({ "result": true }))] });
    let response = there.client.post(&there.path("complete"), done).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    let job = second.client().job(&id).await;
    assert_eq!(
        (&job["status"], &job["attempt"], &job["progress"]["percent"]),
        (&json!("completed"), &json!(1), &json!(10.0)),
        "{job}"
    );
}

#[tokio::test]
async fn a_waiting_worker_does_not_delay_the_shutdown() {
    let (_site, server) = Server::with_config(CONFIG);
    let worker = Worker::mailer(&server.client()).await;
    let waiting = tokio::spawn(async move { worker.lease(1, "00:00:30").await });
    server.until_logged(WAITING, 1).await;
    let start = Instant::now();
    let stopped = tokio::task::spawn_blocking(move || server.stop())
        .await
        .expect("it stops");
    assert!(stopped.success());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(waiting.await.expect("a response").is_empty());
}
