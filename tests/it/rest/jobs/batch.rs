//! `POST /jobs/batch`: all jobs or none, with an error for each invalid one.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage};

async fn total(client: &Client) -> Value {
    client.get("/jobs?limit=1").await.json()["totalCount"].clone()
}

async fn ten_thousand(storage: Storage) {
    let site = Site::new(storage, "");
    let server = site.start();
    let client = server.client();
    let jobs: Vec<Value> = (0..10_000)
        .map(|number| json!({ "type": "Waits", "name": format!("job {number}"), "parameters": { "n": number } }))
        .collect();
    let response = client.post("/jobs/batch", json!({ "jobs": jobs })).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    let made = response.json();
    assert_eq!(made["created"], 10_000);
    let made = made["jobs"].as_array().expect("jobs");
    assert_eq!(made.len(), 10_000);
    for (number, job) in made.iter().enumerate() {
        assert_eq!(
            job["name"],
            format!("job {number}"),
            "they come in the order of the request"
        );
    }
    assert!(made.is_sorted_by_key(|job| job["id"].as_str()), "and so do their ids");
    assert_eq!(total(&client).await, 10_000);
    let some = made[7_777]["id"].as_str().expect("an id");
    assert_eq!(client.job(some).await["parameters"]["n"], 7_777);
    assert_eq!(client.queue("default").await["pendingJobs"], 10_000);
}

#[tokio::test]
async fn ten_thousand_jobs_are_stored_in_one_request_on_sqlite() {
    ten_thousand(Storage::Sqlite).await;
}

#[tokio::test]
async fn ten_thousand_jobs_are_stored_in_one_request_on_postgres() {
    ten_thousand(Storage::Postgres).await;
}

#[tokio::test]
async fn one_invalid_job_rejects_the_batch_and_is_named() {
    let (_site, server) = Server::with_config("[jobs]\nmax_parameters_size = \"100B\"");
    let client = server.client();
    let good = json!({ "type": "Waits" });
    let large = "x".repeat(100);
    for (wrong, field, detail) in [
        (json!({ "type": "a b" }), "/type", "a job type contains ' '"),
        (json!({}), "/type", "type is missing"),
        (
            json!({ "type": "A", "options": { "delay": "soon" } }),
            "/options/delay",
            "'soon' is not a duration",
        ),
        (json!({ "type": "A", "colour": 1 }), "/colour", "unknown field `colour`"),
        (json!({ "type": "A", "a/b~c": 1 }), "/a~1b~0c", "unknown field `a/b~c`"),
        (
            json!({ "type": "A", "retryIntervals": ["PT1S", 5] }),
            "/retryIntervals/1",
            "expected a duration",
        ),
        (json!("A"), "", "expected an object"),
        (json!(null), "", "expected an object"),
        (
            json!({ "type": "A", "delay": "PT1S", "runAt": "2030-01-01T00:00:00Z" }),
            "/runAt",
            "mutually exclusive",
        ),
        // Violations of this server's limits.
        (
            json!({ "type": "A", "parameters": large }),
            "/parameters",
            "parameters have 102 bytes of JSON; the maximum is 100",
        ),
        (
            json!({ "type": "A", "options": { "timeout": "00:00:00" } }),
            "/options/timeout",
            "timeout is 00:00:00",
        ),
        (
            json!({ "type": "A", "delay": "-00:00:01" }),
            "/delay",
            "delay is -00:00:01; allowed is 00:00:00 to",
        ),
    ] {
        for (body, parent) in [
            (json!([good, wrong, good]), ""),
            (json!({ "jobs": [good, wrong, good] }), "/jobs"),
        ] {
            let problem = client.post("/jobs/batch", body).await.problem(400);
            assert_eq!(problem["type"], "urn:tickerq:problem:validation");
            let errors = problem["errors"].as_array().expect("errors");
            assert_eq!(errors.len(), 1, "{problem}");
            assert_eq!(errors[0]["pointer"], format!("#{parent}/1{field}"), "{wrong}");
            let given = errors[0]["detail"].as_str().expect("a detail");
            assert!(given.contains(detail), "{wrong} gives {given}");
        }
    }
    assert_eq!(total(&client).await, 0, "all or none");
}

#[tokio::test]
async fn up_to_a_hundred_invalid_jobs_are_reported_together() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let jobs: Vec<Value> = (0..250)
        .map(|number| {
            if number % 2 == 0 {
                json!({ "type": "A" })
            } else {
                json!({ "type": 5 })
            }
        })
        .collect();
    let problem = client.post("/jobs/batch", json!(jobs)).await.problem(400);
    let errors = problem["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 100);
    assert_eq!(
        (&errors[0]["pointer"], &errors[99]["pointer"]),
        (&json!("#/1/type"), &json!("#/199/type"))
    );
    assert_eq!(
        problem["detail"],
        "125 invalid values; the first 100 are listed, 25 more are not"
    );
    // The same for violations of the server's limits.
    let jobs: Vec<Value> = (0..250).map(|_| json!({ "type": "A", "timeout": "PT0S" })).collect();
    let problem = client.post("/jobs/batch", json!(jobs)).await.problem(400);
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(100));
    assert_eq!(total(&client).await, 0);
}

#[tokio::test]
async fn an_empty_too_large_or_malformed_batch_is_rejected() {
    let (_site, server) = Server::with_config("[jobs]\nmax_batch_size = 3\n[server]\nmax_batch_body = \"2KiB\"");
    let client = server.client();
    let jobs = |count: usize| vec![json!({ "type": "A" }); count];
    for (body, pointer, detail) in [
        (json!([]), "#", "a batch has 1 to 3 jobs; this one has 0"),
        (
            json!({ "jobs": [] }),
            "#/jobs",
            "a batch has 1 to 3 jobs; this one has 0",
        ),
        (json!(jobs(4)), "#", "a batch has 1 to 3 jobs; this one has 4"),
        (
            json!({ "jobs": jobs(4) }),
            "#/jobs",
            "a batch has 1 to 3 jobs; this one has 4",
        ),
        (json!({}), "#/jobs", "jobs is missing"),
        (json!({ "jobs": null }), "#/jobs", "jobs is missing"),
        (json!({ "jobs": {} }), "#/jobs", "expected an array"),
        (json!({ "jobs": jobs(1), "job": 1 }), "#/job", "unknown field `job`"),
        (json!("A"), "#", "expected an object"),
        (json!(5), "#", "expected an object"),
        (json!(null), "#", "expected an object"),
    ] {
        let problem = client.post("/jobs/batch", body.clone()).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        let given = problem["errors"][0]["detail"].as_str().expect("a detail");
        assert!(given.contains(detail), "{body} gives {given}");
    }
    for text in ["[", "[1,]", "[}", "", " ", "[{\"type\":\"A\"}] x", "\u{feff}[]"] {
        let request = client
            .request(Method::POST, "/jobs/batch")
            .header("content-type", "application/json");
        client.send(request.body(text)).await.problem(400);
    }
    let large = json!([{ "type": "A", "parameters": "x".repeat(2_048) }]);
    let problem = client.post("/jobs/batch", large).await.problem(413);
    assert_eq!(problem["detail"], "body size limit (2048 bytes) exceeded");
    assert_eq!(total(&client).await, 0);
    assert_eq!(client.post("/jobs/batch", json!(jobs(3))).await.status, 201);
    assert_eq!(total(&client).await, 3);
}

#[tokio::test]
async fn a_batch_larger_than_the_memory_of_a_queue_runs_completely() {
    let (_site, server) = Server::with_config("[job_types.Noop]\nhandler = \"noop\"");
    let client = server.client();
    // After that, storage has no other due jobs and the queue uses its memory.
    let id = client.create_of_type("Noop").await;
    client.wait_finished(&id).await;
    let jobs = vec![json!({ "type": "Noop" }); 300];
    assert_eq!(
        client.post("/jobs/batch", json!(jobs)).await.status,
        StatusCode::CREATED
    );
    eventually("all jobs have completed", || async {
        (client.queue("default").await["completedJobs"] == 301).then_some(())
    })
    .await;
}
