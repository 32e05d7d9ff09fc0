//! Keys that prevent duplicates: `Idempotency-Key` for a request, `uniqueKey` for unfinished jobs.

use std::collections::HashSet;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::latch::Latch;
use crate::harness::server::{Server, Site, Storage};

async fn post_with_key(client: &Client, path: &str, key: &str, body: &Value) -> ApiResponse {
    let request = client.request(Method::POST, path).header("idempotency-key", key);
    client.send(request.json(body)).await
}

fn id_of(response: &ApiResponse) -> String {
    response.json()["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id in {}", response.text))
        .to_owned()
}

async fn idempotency(storage: Storage) {
    let site = Site::new(storage, "[job_types.Noop]\nhandler = \"noop\"");
    let server = site.start();
    let client = server.client();
    let body = json!({ "type": "Noop", "parameters": { "n": 1 } });
    let first = post_with_key(&client, "/jobs", "\"order-4711\"", &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert_eq!(first.header("idempotency-replayed"), None);
    let id = id_of(&first);
    client.wait_finished(&id).await;
    for key in ["\"order-4711\"", "order-4711", " order-4711 "] {
        let again = post_with_key(&client, "/jobs", key, &body).await;
        assert_eq!(again.status, StatusCode::CREATED, "{key}: {}", again.text);
        assert_eq!(again.header("idempotency-replayed"), Some("true"), "{key}");
        assert_eq!(again.header("location"), first.header("location"));
        assert_eq!(id_of(&again), id, "{key}");
        assert_eq!(
            again.json(),
            client.job(&id).await,
            "the response has its current state, with its attempts"
        );
    }
    let problem = post_with_key(&client, "/jobs", "order-4711", &json!({ "type": "Noop" }))
        .await
        .problem(422);
    assert_eq!(problem["type"], "urn:tickerq:problem:idempotency-mismatch");
    // Keys are per operation and case-sensitive.
    let batch = json!([body]);
    let other = post_with_key(&client, "/jobs/batch", "order-4711", &batch).await;
    assert_eq!(
        (other.status, other.header("idempotency-replayed")),
        (StatusCode::CREATED, None),
        "{}",
        other.text
    );
    let other = post_with_key(&client, "/jobs", "ORDER-4711", &body).await;
    assert_eq!(
        (other.status, other.header("idempotency-replayed")),
        (StatusCode::CREATED, None)
    );
    let again = post_with_key(&client, "/jobs/batch", "order-4711", &batch).await;
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json()["created"], 1);
    let problem = post_with_key(&client, "/jobs/batch", "order-4711", &json!([body, body]))
        .await
        .problem(422);
    assert_eq!(problem["type"], "urn:tickerq:problem:idempotency-mismatch");
    // Rejected requests do not use their key.
    post_with_key(&client, "/jobs", "fresh", &json!({ "type": "a b" }))
        .await
        .problem(400);
    let response = post_with_key(&client, "/jobs", "fresh", &body).await;
    assert_eq!(
        (response.status, response.header("idempotency-replayed")),
        (StatusCode::CREATED, None)
    );
    assert_eq!(client.get("/jobs").await.json()["totalCount"], 4);
}

#[tokio::test]
async fn a_request_with_an_idempotency_key_takes_effect_once_on_sqlite() {
    idempotency(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_request_with_an_idempotency_key_takes_effect_once_on_postgres() {
    idempotency(Storage::Postgres).await;
}

async fn concurrent_requests(storage: Storage) {
    let site = Site::new(storage, "");
    let server = site.start();
    let client = server.client();
    let body = json!({ "type": "Waits" });
    let responses = join_all((0..30).map(|_| post_with_key(&client, "/jobs", "same", &body))).await;
    let ids: HashSet<String> = responses.iter().map(id_of).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let first: Vec<&ApiResponse> = responses
        .iter()
        .filter(|response| response.header("idempotency-replayed").is_none())
        .collect();
    assert_eq!(first.len(), 1);
    let body = json!({ "type": "Waits", "uniqueKey": "only one" });
    let responses = join_all((0..30).map(|_| client.post("/jobs", body.clone()))).await;
    let ids: HashSet<String> = responses.iter().map(id_of).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(
        responses
            .iter()
            .filter(|response| response.status == StatusCode::CREATED)
            .count(),
        1
    );
    assert_eq!(
        responses
            .iter()
            .filter(|response| response.status == StatusCode::OK)
            .count(),
        29
    );
    assert_eq!(client.get("/jobs").await.json()["totalCount"], 2);
}

#[tokio::test]
async fn of_concurrent_requests_with_one_key_one_creates_a_job_on_sqlite() {
    concurrent_requests(Storage::Sqlite).await;
}

#[tokio::test]
async fn of_concurrent_requests_with_one_key_one_creates_a_job_on_postgres() {
    concurrent_requests(Storage::Postgres).await;
}

#[tokio::test]
async fn an_invalid_idempotency_key_is_rejected() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let body = json!({ "type": "Waits" });
    let long = "k".repeat(256);
    for key in ["", "\"\"", "a b", "\"a", "\"a\"b\"", "\"a\\b\"", "ä", long.as_str()] {
        let problem = post_with_key(&client, "/jobs", key, &body).await.problem(400);
        assert_eq!(problem["errors"][0]["header"], "Idempotency-Key", "{key}");
    }
    let request = client.request(Method::POST, "/jobs").json(&body);
    let twice = request.header("idempotency-key", "a").header("idempotency-key", "a");
    let problem = client.send(twice).await.problem(400);
    assert_eq!(problem["detail"], "the header is duplicated");
    assert_eq!(client.get("/jobs").await.json()["totalCount"], 0);
    let longest = "k".repeat(255);
    assert_eq!(post_with_key(&client, "/jobs", &longest, &body).await.status, 201);
    let one = post_with_key(&client, "/jobs", r#""a\"\\b""#, &body).await;
    let other = post_with_key(&client, "/jobs", r#"a"\b"#, &body).await;
    assert_eq!(id_of(&one), id_of(&other), "an escaped key is the same as the bare one");
}

async fn unique_keys(storage: Storage) {
    let mut latch = Latch::open().await;
    let site = Site::new(
        storage,
        &format!("[job_types.Mail]\nmax_retries = 0\n{}", latch.handler()),
    );
    let server = site.start();
    let client = server.client();
    let job = |parameters: i32| json!({ "type": "Mail", "uniqueKey": "Welcome № 4711", "parameters": parameters });
    let first = client.post("/jobs", job(1)).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let id = id_of(&first);
    let visit = latch.visit().await;
    let second = client.post("/jobs", job(2)).await;
    assert_eq!(second.status, StatusCode::OK, "{}", second.text);
    assert_eq!(second.header("location"), first.header("location"));
    assert_eq!(
        second.json(),
        client.job(&id).await,
        "it is the first one, as it is now"
    );
    assert_eq!(
        (&second.json()["status"], &second.json()["parameters"]),
        (&json!("running"), &json!(1))
    );
    visit.respond("400 Bad Request", "no");
    assert_eq!(client.wait_finished(&id).await["status"], "failed");
    // It has finished, so its key is free; the failed job can't be retried while another job has the key.
    let third = client.post("/jobs", job(3)).await;
    assert_eq!(third.status, StatusCode::CREATED, "{}", third.text);
    assert_ne!(id_of(&third), id);
    for action in ["retry", "execute"] {
        let problem = client.post_empty(&format!("/jobs/{id}/{action}")).await.problem(409);
        assert_eq!(
            problem["detail"], "another unfinished job has the unique key 'Welcome № 4711'",
            "{action}"
        );
    }
    latch.visit().await.complete();
    client.wait_finished(&id_of(&third)).await;
    assert_eq!(client.post_empty(&format!("/jobs/{id}/retry")).await.status, 200);
    latch.visit().await.complete();
    assert_eq!(client.wait_finished(&id).await["status"], "completed");

    // In a batch the second job with the key returns the first.
    let batch = json!([job(4), { "type": "Other" }, job(5)]);
    let response = client.post("/jobs/batch", batch).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    let made = response.json();
    assert_eq!(made["created"], 2);
    assert_eq!(made["jobs"][0]["id"], made["jobs"][2]["id"]);
    latch.visit().await.complete();
    assert_eq!(client.get("/jobs").await.json()["totalCount"], 4);
}

#[tokio::test]
async fn an_unfinished_job_with_the_unique_key_is_returned_in_place_of_a_new_one_on_sqlite() {
    unique_keys(Storage::Sqlite).await;
}

#[tokio::test]
async fn an_unfinished_job_with_the_unique_key_is_returned_in_place_of_a_new_one_on_postgres() {
    unique_keys(Storage::Postgres).await;
}

#[tokio::test]
async fn both_keys_together_replay_the_job_that_was_there() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let body = json!({ "type": "Waits", "uniqueKey": "one" });
    let first = client.create(body.clone()).await;
    let second = post_with_key(&client, "/jobs", "request-2", &body).await;
    assert_eq!((second.status, &second.json()["id"]), (StatusCode::OK, &first["id"]));
    let id = first["id"].as_str().expect("an id");
    assert_eq!(client.post_empty(&format!("/jobs/{id}/cancel")).await.status, 200);
    let replayed = post_with_key(&client, "/jobs", "request-2", &body).await;
    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(
        replayed.json()["id"],
        first["id"],
        "it made no job then and makes none now"
    );
}

async fn replays_of_removed_jobs(storage: Storage) {
    let site = Site::new(storage, "[job_types.Noop]\nhandler = \"noop\"");
    let server = site.start();
    let client = server.client();
    let delete = |path: String| client.send(client.request(Method::DELETE, &path));
    let body = json!({ "type": "Noop" });
    let id = id_of(&post_with_key(&client, "/jobs", "one", &body).await);
    client.wait_finished(&id).await;
    assert_eq!(delete(format!("/jobs/{id}")).await.status, 204);
    let problem = post_with_key(&client, "/jobs", "one", &body).await.problem(410);
    assert_eq!(
        (&problem["type"], &problem["jobId"]),
        (&json!("urn:tickerq:problem:gone"), &json!(id))
    );

    let batch = json!([body, body, body]);
    let made = post_with_key(&client, "/jobs/batch", "many", &batch).await.json();
    let ids: Vec<String> = (0..3)
        .map(|n| made["jobs"][n]["id"].as_str().expect("an id").to_owned())
        .collect();
    for id in &ids {
        client.wait_finished(id).await;
    }
    assert_eq!(delete(format!("/jobs/{}", ids[1])).await.status, 204);
    let again = post_with_key(&client, "/jobs/batch", "many", &batch).await;
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text);
    let again = again.json();
    assert_eq!(again["missing"], json!([ids[1]]));
    let left: Vec<&Value> = again["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| &job["id"])
        .collect();
    assert_eq!(left, [&json!(ids[0]), &json!(ids[2])]);
    for id in [&ids[0], &ids[2]] {
        assert_eq!(delete(format!("/jobs/{id}")).await.status, 204);
    }
    let problem = post_with_key(&client, "/jobs/batch", "many", &batch).await.problem(410);
    assert_eq!(problem["jobIds"], json!(ids));

    let recurring = json!({ "type": "Noop", "cronExpression": "0 0 1 1 *" });
    for path in ["/jobs", "/jobs/recurring"] {
        let id = id_of(&post_with_key(&client, path, "often", &recurring).await);
        assert_eq!(delete(format!("/jobs/recurring/{id}")).await.status, 204);
        let problem = post_with_key(&client, path, "often", &recurring).await.problem(410);
        assert_eq!(problem["jobId"], json!(id));
    }
    let field = "scheduleJob(input: { type: \"Noop\" }, idempotencyKey: \"g\") { job { id } }";
    let mutation = json!({ "query": format!("mutation {{ {field} }}") });
    let made = client.graphql(&mutation).await;
    let id = made["data"]["scheduleJob"]["job"]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    client.wait_finished(&id).await;
    assert_eq!(delete(format!("/jobs/{id}")).await.status, 204);
    let extensions = &client.graphql(&mutation).await["errors"][0]["extensions"];
    assert_eq!(
        (&extensions["code"], &extensions["jobId"]),
        (&json!("gone"), &json!(id))
    );
    let field = "scheduleJobs(inputs: [{ type: \"Noop\" }, { type: \"Noop\" }], idempotencyKey: \"g\") \
                 { jobs { job { id } } missing }";
    let mutation = json!({ "query": format!("mutation {{ {field} }}") });
    let made = client.graphql(&mutation).await["data"]["scheduleJobs"].clone();
    assert_eq!(made["missing"], json!([]));
    let id = |n: usize| made["jobs"][n]["job"]["id"].as_str().expect("an id").to_owned();
    client.wait_finished(&id(0)).await;
    assert_eq!(delete(format!("/jobs/{}", id(0))).await.status, 204);
    let again = client.graphql(&mutation).await["data"]["scheduleJobs"].clone();
    assert_eq!(
        again,
        json!({ "jobs": [{ "job": { "id": id(1) } }], "missing": [id(0)] })
    );
}

#[tokio::test]
async fn a_replay_names_the_jobs_that_have_been_removed_on_sqlite() {
    replays_of_removed_jobs(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_replay_names_the_jobs_that_have_been_removed_on_postgres() {
    replays_of_removed_jobs(Storage::Postgres).await;
}
