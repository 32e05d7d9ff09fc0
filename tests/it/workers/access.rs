//! Attacks on job results: forged and guessed lease tokens, workers of other callers, ids of servers, and types that
//! servers reserve.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::eventually;
use crate::harness::server::{Server, Site, Storage, query_sql, run_sql};
use crate::harness::tokens::{Signer, now, token};

/// Two keys of one name, a key of another, and one with `admin`.
const KEYS: &str = r#"
[api]
require_authentication = true
[[api.keys]]
name = "mailer"
key = "mailer-key-before-rotation"
scopes = ["tickerq:write"]
[[api.keys]]
name = "mailer"
key = "mailer-key-after-rotation"
scopes = ["tickerq:write"]
[[api.keys]]
name = "other"
key = "key-of-another-team"
scopes = ["tickerq:write", "tickerq:read"]
[[api.keys]]
name = "admin"
key = "key-of-the-administrators"
scopes = ["tickerq:write", "tickerq:read", "tickerq:admin"]
"#;

async fn register(client: &Client, types: &[&str]) -> String {
    let response = client.post("/workers", json!({ "name": "w", "types": types })).await;
    assert_eq!(response.status, StatusCode::CREATED, "{}", response.text);
    response.json()["id"].as_str().expect("an id").to_owned()
}

async fn lease(client: &Client, worker: &str) -> Value {
    let response = client
        .post(
            &format!("/workers/{worker}/lease"),
            json!({ "max": 1, "wait": "00:00:10" }),
        )
        .await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    let job = response.json()["jobs"][0].clone();
    assert!(job.is_object(), "{}", response.text);
    job
}

async fn complete(client: &Client, worker: &str, job: &str, token: &str) -> ApiResponse {
    let body = json!({ "jobs": [{ "jobId": job, "leaseToken": token, "result": "forged" }] });
    client.post(&format!("/workers/{worker}/complete"), body).await
}

fn text<'a>(job: &'a Value, field: &str) -> &'a str {
    job[field].as_str().expect("text")
}

/// Every call of a worker over REST with its body.
fn calls(worker: &str, job: &str, token: &str) -> Vec<(Method, String, Value)> {
    let held = json!({ "jobId": job, "leaseToken": token });
    let post = |what: &str, body: Value| (Method::POST, format!("/workers/{worker}/{what}"), body);
    vec![
        post("lease", json!({ "max": 1 })),
        post("heartbeat", json!({})),
        post(
            "heartbeat",
            json!({ "jobs": [{ "jobId": job, "leaseToken": token, "progress": { "percent": 7 }, "log": [{ "message": "forged" }] }] }),
        ),
        post("complete", json!({ "jobs": [held] })),
        post("fail", json!({ "jobs": [held] })),
        post(
            "fail",
            json!({ "jobs": [{ "jobId": job, "leaseToken": token, "outcome": "released" }] }),
        ),
        (Method::DELETE, format!("/workers/{worker}"), Value::Null),
    ]
}

/// The same over GraphQL.
fn mutations(worker: &str, job: &str, token: &str) -> Vec<String> {
    let held = format!("workerId: \"{worker}\", jobs: [{{jobId: \"{job}\", leaseToken: \"{token}\"}}]");
    vec![
        format!("mutation {{ leaseJobs(workerId: \"{worker}\", max: 1) {{ jobId }} }}"),
        format!("mutation {{ renewWorker(workerId: \"{worker}\") {{ leaseUntil }} }}"),
        format!("mutation {{ renewWorker({held}) {{ leaseUntil }} }}"),
        format!("mutation {{ completeJobs({held}) {{ stored }} }}"),
        format!("mutation {{ failJobs({held}) {{ stored }} }}"),
        format!("mutation {{ unregisterWorker(id: \"{worker}\") }}"),
    ]
}

/// Checks that every call of a worker is rejected with this status and code.
async fn all_refused(client: &Client, worker: &str, job: &str, token: &str, (status, code): (u16, &str)) {
    for (method, path, body) in calls(worker, job, token) {
        let request = client.request(method.clone(), &path);
        let request = if method == Method::POST {
            request.json(&body)
        } else {
            request
        };
        client.send(request).await.problem(status);
    }
    for query in mutations(worker, job, token) {
        let response = client.graphql(&json!({ "query": query })).await;
        assert_eq!(response["errors"][0]["extensions"]["code"], code, "{query}: {response}");
    }
}

async fn the_id_of_a_server_is_no_worker(storage: Storage) {
    let config = "[job_types.SlowJob]\nhandler = { command = { program = \"sleep\", args = [\"2\"] } }\n";
    let site = Site::new(storage, config);
    let server = site.start();
    let client = server.client();
    let id = client.create_of_type("SlowJob").await;
    client.wait_for(&id, &["running"]).await;
    let nodes = client.get("/nodes").await.json();
    let node = text(&nodes["nodes"][0], "id").to_owned();
    for token in [format!("1.{}", node.replace('-', "")), format!("1.{}", "0".repeat(32))] {
        all_refused(&client, &node, &id, &token, (404, "not-found")).await;
    }
    client.get(&format!("/workers/{node}")).await.problem(404);
    // Nor does a registration take it over.
    let declaration = json!({ "id": node, "name": "w", "types": ["MailJob"] });
    client.post("/workers", declaration).await.problem(400);
    let nodes = client.get("/nodes").await.json();
    assert_eq!(nodes["nodes"][0]["id"], node, "it still lives: {nodes}");
    let job = client.wait_finished(&id).await;
    assert_eq!(
        (&job["status"], &job["attempt"]),
        (&json!("completed"), &json!(1)),
        "{job}"
    );
    assert_eq!(job["progress"], Value::Null, "{job}");
    assert!(!job.to_string().contains("forged"), "{job}");
}

#[tokio::test]
async fn a_servers_jobs_are_not_ended_under_its_id() {
    the_id_of_a_server_is_no_worker(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_servers_jobs_are_not_ended_under_its_id_on_postgresql() {
    the_id_of_a_server_is_no_worker(Storage::Postgres).await;
}

#[tokio::test]
async fn a_token_is_good_for_the_attempt_that_was_leased_with_it_alone() {
    let (_site, server) = Server::with_config("[jobs]\nmax_retries = 0\n");
    let client = server.client();
    let (worker, other) = (
        register(&client, &["MailJob"]).await,
        register(&client, &["MailJob"]).await,
    );
    let (first, second) = (
        client.create_of_type("MailJob").await,
        client.create_of_type("MailJob").await,
    );
    let (one, two) = (lease(&client, &worker).await, lease(&client, &other).await);
    assert_eq!((text(&one, "jobId"), text(&two, "jobId")), (&*first, &*second));
    let (token, code) = (
        text(&one, "leaseToken"),
        text(&one, "leaseToken").split_once('.').expect("two parts").1,
    );
    assert_eq!(code.len(), 32, "128 bits: {token}");
    let last = if code.ends_with('0') { "1" } else { "0" };
    let guesses = [
        format!("1.{}", worker.replace('-', "")),
        format!("1.{}{last}", &code[..31]),
        format!("2.{code}"),
        format!("0.{code}"),
        text(&two, "leaseToken").to_owned(),
    ];
    for guess in &guesses {
        let problem = complete(&client, &worker, &first, guess).await.problem(409);
        assert!(!problem.to_string().contains(code), "{problem}");
        let held = json!({ "jobs": [{ "jobId": first, "leaseToken": guess, "progress": { "percent": 7 } }] });
        let beat = client.post(&format!("/workers/{worker}/heartbeat"), held).await.json();
        assert_eq!(beat["lost"], json!([first]), "{beat}");
    }
    for wrong in [
        format!("1.{}", code.to_uppercase()),
        format!("1.{code}0"),
        format!("+1.{code}"),
        "1".to_owned(),
    ] {
        if wrong != token {
            complete(&client, &worker, &first, &wrong).await.problem(400);
        }
    }
    // A valid token of another worker.
    complete(&client, &other, &first, token).await.problem(409);
    let job = client.job(&first).await;
    assert_eq!(
        (&job["status"], &job["progress"]),
        (&json!("running"), &Value::Null),
        "{job}"
    );
    let query = format!(
        "{{ job(id: \"{first}\") {{ id status result parameters attempts {{ number }} }} jobs {{ nodes {{ id result }} }} }}"
    );
    let texts = [
        job.to_string(),
        client.get("/jobs").await.text,
        client.get("/workers").await.text,
        client.get("/audit").await.text,
        client.get("/jobs/changes").await.text,
        client.graphql(&json!({ "query": query })).await.to_string(),
        server.log(),
    ];
    for text in &texts {
        assert!(!text.contains(code), "a token is disclosed: {text}");
    }
    let done = complete(&client, &worker, &first, token).await;
    assert_eq!(done.json()["stored"], 1, "{}", done.text);
    assert_eq!(client.job(&first).await["status"], "completed");
}

#[tokio::test]
async fn a_worker_belongs_to_the_key_that_registered_it() {
    let (_site, server) = Server::with_config(KEYS);
    let key = |key: &str| server.client().with_token(key);
    let owner = key("mailer-key-before-rotation");
    let rotated = key("mailer-key-after-rotation");
    let (other, admin) = (key("key-of-another-team"), key("key-of-the-administrators"));
    let worker = register(&owner, &["MailJob"]).await;
    let created = other.post("/jobs", json!({ "type": "MailJob" })).await.json();
    let id = text(&created, "id").to_owned();
    let leased = lease(&owner, &worker).await;
    let token = text(&leased, "leaseToken");
    all_refused(&other, &worker, &id, token, (403, "forbidden")).await;
    // Administrators can't complete its jobs either.
    complete(&admin, &worker, &id, token).await.problem(403);
    assert_eq!(admin.job(&id).await["status"], "running");
    for reader in [&other, &admin, &owner, &rotated] {
        let read = reader.get(&format!("/workers/{worker}")).await;
        assert_eq!(read.status, StatusCode::OK, "{}", read.text);
    }
    let second = register(&admin, &["MailJob"]).await;
    owner.get(&format!("/workers/{second}")).await.problem(403);
    // The key that replaces an older one has its name.
    let done = complete(&rotated, &worker, &id, token).await;
    assert_eq!(done.json()["stored"], 1, "{}", done.text);
    // An administrator may remove it: its jobs are returned, and no result is forged.
    let id = text(&other.post("/jobs", json!({ "type": "MailJob" })).await.json(), "id").to_owned();
    lease(&owner, &worker).await;
    let removed = admin
        .send(admin.request(Method::DELETE, &format!("/workers/{worker}")))
        .await;
    assert_eq!(removed.status, StatusCode::NO_CONTENT, "{}", removed.text);
    assert_eq!(admin.job(&id).await["status"], "pending");
}

#[tokio::test]
async fn a_token_is_valid_on_every_node_and_after_a_restart() {
    let site = Site::new(Storage::Postgres, "[cluster]\nlease_ttl = \"00:01:00\"\n");
    let (first, second) = (site.start(), site.start());
    let worker = register(&first.client(), &["MailJob"]).await;
    let id = first.client().create_of_type("MailJob").await;
    let leased = lease(&second.client(), &worker).await;
    first.stop();
    second.stop();
    let third = site.start();
    let client = third.client();
    let forged = format!("1.{}", worker.replace('-', ""));
    complete(&client, &worker, &id, &forged).await.problem(409);
    let done = complete(&client, &worker, &id, text(&leased, "leaseToken")).await;
    assert_eq!(done.json()["stored"], 1, "{}", done.text);
}

#[tokio::test]
async fn a_worker_that_an_older_version_registered_registers_again() {
    let site = Site::new(Storage::Postgres, "[cluster]\nlease_ttl = \"00:00:03\"\n");
    let server = site.start();
    let client = server.client();
    let worker = register(&client, &["MailJob"]).await;
    let id = client.create_of_type("MailJob").await;
    lease(&client, &worker).await;
    server.stop();
    run_sql(
        site.database_url(),
        "UPDATE nodes SET owner = NULL, owner_kind = NULL, lease_key = NULL",
    );
    let server = site.start();
    let client = server.client();
    let token = format!("1.{}", worker.replace('-', ""));
    // Administrators may remove it, as any other.
    for (method, path, body) in calls(&worker, &id, &token) {
        if method == Method::POST {
            client.post(&path, body).await.problem(404);
        }
    }
    let again = register(&client, &["MailJob"]).await;
    let leased = lease(&client, &again).await;
    assert_eq!(
        (text(&leased, "jobId"), &leased["attempt"]),
        (&*id, &json!(2)),
        "{leased}"
    );
    let stored = query_sql(
        site.database_url(),
        &format!("SELECT owner_kind, owner FROM nodes WHERE id = '{again}'"),
    );
    assert_eq!(stored, "2|anonymous");
}

const LOCAL: &str = r#"
[cluster]
lease_ttl = "00:00:05"
[job_types.LocalJob]
handler = { command = { program = "sleep", args = ["0"] } }
[job_types.SharedJob]
handler = "noop"
remote_workers = true
"#;

#[tokio::test]
async fn a_worker_leases_no_jobs_of_types_that_a_server_runs() {
    let (_site, server) = Server::with_config(LOCAL);
    let client = server.client();
    for types in [json!(["LocalJob"]), json!(["MailJob", "LocalJob", "SharedJob"])] {
        let problem = client
            .post("/workers", json!({ "name": "w", "types": types }))
            .await
            .problem(400);
        assert_eq!(problem["errors"][0]["pointer"], "#/types", "{problem}");
        let detail = text(&problem["errors"][0], "detail");
        assert!(
            detail.contains("'LocalJob'") && detail.contains("remote_workers = true"),
            "{detail}"
        );
        assert!(!detail.contains("'SharedJob'"), "{detail}");
    }
    let query = "mutation { registerWorker(input: {name: \"w\", types: [\"LocalJob\"]}) { id } }";
    let response = client.graphql(&json!({ "query": query })).await;
    assert_eq!(response["errors"][0]["extensions"]["code"], "validation", "{response}");
    // Jobs of a shared type run on workers beside the server.
    client.post_empty("/queues/default/pause").await;
    let id = client.create_of_type("SharedJob").await;
    let worker = register(&client, &["SharedJob"]).await;
    client.post_empty("/queues/default/resume").await;
    let job = client.wait_finished(&id).await;
    assert_eq!(job["status"], "completed");
    let read = client.get(&format!("/workers/{worker}")).await.json();
    assert_eq!(read["refusedTypes"], Value::Null, "{read}");
}

#[tokio::test]
async fn a_worker_receives_the_types_that_another_server_has_reserved_since() {
    let site = Site::new(Storage::Postgres, "[cluster]\nlease_ttl = \"00:00:05\"\n");
    let first = site.start();
    let client = first.client();
    let (both, one) = (
        register(&client, &["LocalJob", "MailJob"]).await,
        register(&client, &["LocalJob"]).await,
    );
    site.configure(LOCAL);
    // A waiting call is rejected as well, although the type was free when it started.
    let waiting = {
        let (client, path) = (client.clone(), format!("/workers/{one}/lease"));
        tokio::spawn(async move { client.post(&path, json!({ "wait": "00:00:30" })).await })
    };
    let both_id = both.clone();
    let _second = site.start();
    waiting.await.expect("a response").problem(403);
    let lease = |worker: String| {
        let client = client.clone();
        async move { client.post(&format!("/workers/{worker}/lease"), json!({})).await }
    };
    let response = eventually("the type is refused", || async {
        let response = lease(both.clone()).await;
        response.json()["refusedTypes"].is_array().then_some(response)
    })
    .await;
    assert_eq!(response.json(), json!({ "jobs": [], "refusedTypes": ["LocalJob"] }));
    let problem = lease(one.clone()).await.problem(403);
    assert!(text(&problem, "detail").contains("'LocalJob'"), "{problem}");
    let query = format!("mutation {{ leaseJobs(workerId: \"{one}\") {{ jobId }} }}");
    let response = client.graphql(&json!({ "query": query })).await;
    assert_eq!(response["errors"][0]["extensions"]["code"], "forbidden", "{response}");
    let beat = client
        .post(&format!("/workers/{both}/heartbeat"), json!({}))
        .await
        .json();
    assert_eq!(beat["refusedTypes"], json!(["LocalJob"]), "{beat}");
    let query = format!("{{ worker(id: \"{both}\") {{ refusedTypes }} }}");
    let read = client.graphql(&json!({ "query": query })).await;
    assert_eq!(read["data"]["worker"]["refusedTypes"], json!(["LocalJob"]), "{read}");
    // Its other types are unaffected.
    let id = client.create_of_type("MailJob").await;
    let leased = lease(both).await.json();
    assert_eq!(leased["jobs"][0]["jobId"], id, "{leased}");
    client.create_of_type("MailJob").await;
    let query = format!("mutation {{ leaseJobs(workerId: \"{both_id}\") {{ refusedTypes }} }}");
    let leased = client.graphql(&json!({ "query": query })).await;
    assert_eq!(
        leased["data"]["leaseJobs"],
        json!([{ "refusedTypes": ["LocalJob"] }]),
        "{leased}"
    );
    tokio::time::timeout(Duration::from_secs(1), lease(one))
        .await
        .expect("refused at once")
        .problem(403);
}

#[tokio::test]
async fn a_worker_belongs_to_the_subject_of_the_token_that_registered_it() {
    const SECRET: &str = "a secret that is thirty-two bytes long or more";
    let config = format!(
        "[api]\nrequire_authentication = true\n[api.jwt]\nissuer = \"https://id.example\"\naudience = \"jobs\"\nsecret = \"{SECRET}\"\n\
         [[api.keys]]\nname = \"ann\"\nkey = \"a-key-of-the-same-name\"\nscopes = [\"tickerq:write\"]\n"
    );
    let (_site, server) = Server::with_config(&config);
    let subject = |subject: &str, number: u32| {
        let claims = json!({
            "iss": "https://id.example", "aud": "jobs", "sub": subject, "exp": now() + 300, "scope": "tickerq:write", "jti": number,
        });
        server.client().with_token(&token(&claims, Signer::Hs256(SECRET)))
    };
    let ann = subject("ann", 1);
    let worker = register(&ann, &["MailJob"]).await;
    let id = text(&ann.post("/jobs", json!({ "type": "MailJob" })).await.json(), "id").to_owned();
    let leased = lease(&ann, &worker).await;
    let token = text(&leased, "leaseToken");
    for other in [subject("bob", 1), server.client().with_token("a-key-of-the-same-name")] {
        all_refused(&other, &worker, &id, token, (403, "forbidden")).await;
    }
    let done = complete(&subject("ann", 2), &worker, &id, token).await;
    assert_eq!(done.json()["stored"], 1, "{}", done.text);
}
