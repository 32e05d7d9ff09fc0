//! Reports of workers: progress, logs, validation and scopes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{CONFIG, Worker, of};
use crate::harness::server::Server;
use crate::harness::socket::Socket;

#[tokio::test]
async fn progress_and_log_are_part_of_the_job_and_published_at_once() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    let leased = worker.lease_one().await;
    let mut socket = Socket::open(&server.url, "/ws").await;
    socket
        .send_json(json!({ "action": "subscribe", "topics": ["job-status"] }))
        .await;
    socket.next_of("subscribed").await;
    let report = json!({
        "progress": { "percent": 62.5, "message": "page 5 of 8" },
        "log": [
            { "message": "sent to\u{0} 10", "at": "2026-01-31T12:00:00Z" },
            { "message": "slow", "level": "warning", "at": "2026-01-31T12:00:01Z" },
        ],
    });
    worker.heartbeat(&[of(&leased, report)]).await;
    let event = socket.next_of("job-progress").await;
    assert_eq!(
        (
            &event["data"]["jobId"],
            &event["data"]["progress"]["percent"],
            &event["data"]["log"][1]["level"]
        ),
        (&json!(id), &json!(62.5), &json!("warning")),
        "{event}"
    );
    let job = client.job(&id).await;
    let progress = json!({ "attempt": 1, "percent": 62.5, "message": "page 5 of 8" });
    assert_eq!(job["progress"], progress, "{job}");
    assert_eq!(
        job["log"][0],
        json!({ "attempt": 1, "at": "2026-01-31T12:00:00Z", "level": "info", "message": "sent to\u{fffd} 10" })
    );
    // The last 200 lines are kept.
    let many: Vec<Value> = (0..250)
        .map(|number| json!({ "message": number.to_string() }))
        .collect();
    for lines in many.chunks(50) {
        worker.heartbeat(&[of(&leased, json!({ "log": lines }))]).await;
    }
    let log = client.job(&id).await["log"].as_array().cloned().expect("a log");
    assert_eq!(
        (log.len(), &log[0]["message"], &log[199]["message"]),
        (200, &json!("50"), &json!("249"))
    );
    let refused = of(&leased, json!({ "progress": { "percent": 101 } }));
    let problem = client
        .post(&worker.path("heartbeat"), json!({ "jobs": [refused] }))
        .await
        .problem(400);
    assert_eq!(
        problem["errors"][0]["pointer"], "#/jobs/0/progress/percent",
        "{problem}"
    );
    client
        .post(&worker.path("complete"), json!({ "jobs": [of(&leased, json!({}))] }))
        .await;
    let job = client.job(&id).await;
    assert_eq!(
        (&job["status"], &job["progress"]),
        (&json!("completed"), &progress),
        "it is kept"
    );
    let deleted = client
        .send(client.request(Method::DELETE, &format!("/jobs/{id}")))
        .await;
    assert_eq!(deleted.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn reports_of_workers_are_validated() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    for (body, pointer) in [
        (json!({ "types": ["A"] }), "#/name"),
        (json!({ "name": "", "types": ["A"] }), "#/name"),
        (json!({ "name": " ", "types": ["A"] }), "#/name"),
        (json!({ "name": "w" }), "#/types"),
        (json!({ "name": "w", "types": [] }), "#/types"),
        (json!({ "name": "w", "types": ["A\nB"] }), "#/types/0"),
        (json!({ "name": "w", "types": ["A"], "queues": ["a b"] }), "#/queues/0"),
        (
            json!({ "name": "w", "types": ["A"], "concurrency": 0 }),
            "#/concurrency",
        ),
        (
            json!({ "name": "w", "types": ["A"], "concurrency": 1001 }),
            "#/concurrency",
        ),
    ] {
        let problem = client.post("/workers", body).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    let token = format!("1.{}", worker.id.replace('-', ""));
    let end = json!({ "jobId": id, "leaseToken": token });
    for (path, body, pointer) in [
        ("lease", json!({ "max": 0 }), "#/max"),
        ("lease", json!({ "wait": "00:00:31" }), "#/wait"),
        ("lease", json!({ "wait": "-00:00:01" }), "#/wait"),
        ("heartbeat", json!({ "jobs": vec![end.clone(); 10_001] }), "#/jobs"),
        (
            "complete",
            json!({ "jobs": [{ "jobId": id, "leaseToken": format!("+{token}") }] }),
            "#/jobs/0/leaseToken",
        ),
        (
            "fail",
            json!({ "jobs": [{ "jobId": id, "leaseToken": token, "retryAfter": "-00:00:01" }] }),
            "#/jobs/0/retryAfter",
        ),
        (
            "fail",
            json!({ "jobs": [{ "jobId": id, "leaseToken": token, "retryAfter": "9999999.00:00:00" }] }),
            "#/jobs/0/retryAfter",
        ),
        (
            "heartbeat",
            json!({ "jobs": [{ "jobId": id, "leaseToken": token, "log": [{ "at": "9999-12-31T23:59:59-01:00", "message": "" }] }] }),
            "#/jobs/0/log/0/at",
        ),
        ("complete", json!({ "jobs": [] }), "#/jobs"),
        ("complete", json!({ "jobs": [end, end] }), "#/jobs/1/jobId"),
        (
            "complete",
            json!({ "jobs": [{ "jobId": id, "leaseToken": "x" }] }),
            "#/jobs/0/leaseToken",
        ),
        (
            "fail",
            json!({ "jobs": [{ "jobId": id, "leaseToken": token, "outcome": "x" }] }),
            "#/jobs/0/outcome",
        ),
    ] {
        let problem = client.post(&worker.path(path), body).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    // A job without a lease can't be completed.
    client
        .post(&worker.path("complete"), json!({ "jobs": [end] }))
        .await
        .problem(409);
    assert_eq!(client.job(&id).await["status"], "pending");
}

#[tokio::test]
async fn results_of_a_batch_that_arrive_in_time_are_stored() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let worker = Worker::mailer(&client).await;
    let id = client.create_of_type("MailJob").await;
    let leased = worker.lease_one().await;
    let unknown = worker.id.clone();
    let other = json!({ "jobId": unknown, "leaseToken": leased["leaseToken"] });
    let response = client
        .post(
            &worker.path("complete"),
            json!({ "jobs": [other, of(&leased, json!({}))] }),
        )
        .await;
    assert_eq!(
        response.json(),
        json!({ "stored": 1, "lost": [unknown] }),
        "{}",
        response.text
    );
    assert_eq!(client.job(&id).await["status"], "completed");
}

#[tokio::test]
async fn a_worker_needs_the_write_scope_and_is_audited() {
    let config = format!(
        "{CONFIG}\n[api]\nrequire_authentication = true\n\
         [[api.keys]]\nname = \"reader\"\nkey = \"reader-reader-reader\"\nscopes = [\"tickerq:read\"]\n\
         [[api.keys]]\nname = \"worker\"\nkey = \"worker-worker-worker\"\nscopes = [\"tickerq:write\"]\n\
         [[api.keys]]\nname = \"admin\"\nkey = \"admin-admin-admin\"\nscopes = [\"tickerq:admin\"]\n"
    );
    let (_site, server) = Server::with_config(&config);
    let reader = server.client().with_token("reader-reader-reader");
    let client = server.client().with_token("worker-worker-worker");
    let admin = server.client().with_token("admin-admin-admin");
    let declaration = json!({ "name": "w", "types": ["MailJob"] });
    server.client().post("/workers", declaration.clone()).await.problem(401);
    reader.post("/workers", declaration.clone()).await.problem(403);
    admin.post("/workers", declaration.clone()).await.problem(403);
    let worker = Worker::register(&client, declaration).await;
    reader.post(&worker.path("lease"), json!({})).await.problem(403);
    assert_eq!(reader.get("/workers").await.json()["workers"][0]["id"], worker.id);
    client.get("/workers").await.problem(403);
    client.create_of_type("MailJob").await;
    let leased = worker.lease_one().await;
    client
        .post(&worker.path("complete"), json!({ "jobs": [of(&leased, json!({}))] }))
        .await;
    let records = admin.get("/audit?action=worker.register").await.json();
    let record = &records["records"][0];
    assert_eq!(
        (&record["actor"]["name"], &record["outcome"], &record["jobs"]),
        (&json!("worker"), &json!("registered"), &json!(0)),
        "{records}"
    );
}
