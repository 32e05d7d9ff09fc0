//! Keys of recurring jobs: repeated declarations over REST, GraphQL and in the configuration create one job.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::{ApiResponse, Client};
use crate::harness::server::{Server, Site, Storage};

const TYPES: &str = "
[job_types.DataBackupJob]
handler = \"noop\"
";

async fn put(client: &Client, key: &str, body: &Value) -> ApiResponse {
    let path = format!("/jobs/recurring/by-key/{key}");
    client.send(client.request(Method::PUT, &path).json(body)).await
}

async fn delete(client: &Client, key: &str) -> ApiResponse {
    let path = format!("/jobs/recurring/by-key/{key}");
    client.send(client.request(Method::DELETE, &path)).await
}

async fn by_key(client: &Client, key: &str) -> Value {
    let response = client.get(&format!("/jobs/recurring/by-key/{key}")).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    response.json()
}

async fn count(client: &Client) -> Value {
    client.get("/jobs/recurring").await.json()["totalCount"].clone()
}

fn backup(cron: &str) -> Value {
    json!({ "type": "DataBackupJob", "name": "Backup", "cronExpression": cron })
}

#[tokio::test]
async fn a_key_is_put_twice_and_makes_one_recurring_job() {
    let (_site, server) = Server::with_config(TYPES);
    let client = server.client();
    let created = put(&client, "nightly-backup", &backup("0 2 * * *")).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    assert_eq!(created.header("etag"), Some("\"1\""));
    let location = created.header("location").expect("a location").to_owned();
    let read = created.json();
    let id = read["id"].as_str().expect("an id").to_owned();
    assert_eq!(location, format!("/api/tickerq/jobs/recurring/{id}"));
    assert_eq!(read["key"], "nightly-backup");
    let again = put(&client, "nightly-backup", &backup("0 2 * * *")).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text);
    assert_eq!(again.header("etag"), Some("\"1\""), "nothing has changed");
    assert_eq!(again.json()["id"], *id);
    // Changed members of occurrences: the next run is unchanged.
    let mut renamed = backup("0 2 * * *");
    renamed["name"] = json!("Other");
    let renamed = put(&client, "nightly-backup", &renamed).await;
    assert_eq!(
        (renamed.status, renamed.header("etag")),
        (StatusCode::OK, Some("\"2\""))
    );
    let renamed = renamed.json();
    assert_eq!(renamed["nextRunAt"], read["nextRunAt"]);
    assert_eq!(renamed["name"], "Other");
    // A changed schedule: the next run changes.
    let moved = put(&client, "nightly-backup", &backup("30 3 * * *")).await;
    assert_eq!((moved.status, moved.header("etag")), (StatusCode::OK, Some("\"3\"")));
    let moved = moved.json();
    assert_ne!(moved["nextRunAt"], read["nextRunAt"]);
    assert_eq!((&moved["id"], &moved["key"]), (&json!(id), &json!("nightly-backup")));
    assert_eq!(count(&client).await, 1);
    assert_eq!(by_key(&client, "nightly-backup").await["revision"], 3);
    let listed = client.get("/jobs/recurring").await.json();
    assert_eq!(listed["recurringJobs"][0]["key"], "nightly-backup");
    // A change by id keeps the key.
    let patch = client.request(Method::PATCH, &format!("/jobs/recurring/{id}"));
    let patched = client.send(patch.json(&json!({ "enabled": false }))).await.json();
    assert_eq!(patched["key"], "nightly-backup");
    let replace = client.request(Method::PUT, &format!("/jobs/recurring/{id}"));
    let replaced = client.send(replace.json(&backup("0 4 * * *"))).await.json();
    assert_eq!(replaced["key"], "nightly-backup");
    assert_eq!(delete(&client, "nightly-backup").await.status, StatusCode::NO_CONTENT);
    delete(&client, "nightly-backup").await.problem(404);
    client.get("/jobs/recurring/by-key/nightly-backup").await.problem(404);
    client.get(&format!("/jobs/recurring/{id}")).await.problem(404);
}

#[tokio::test]
async fn a_key_may_have_any_printable_character() {
    let (_site, server) = Server::with_config(TYPES);
    let client = server.client();
    for (path, key) in [
        ("a%2Fb", "a/b"),
        ("50%25", "50%"),
        ("Gr%C3%BC%C3%9Fe%20x", "Grüße x"),
        ("enable", "enable"),
    ] {
        let created = put(&client, path, &backup("@daily")).await;
        assert_eq!(created.status, StatusCode::CREATED, "{key}: {}", created.text);
        assert_eq!(created.json()["key"], *key);
        assert_eq!(put(&client, path, &backup("@daily")).await.status, StatusCode::OK);
        assert_eq!(by_key(&client, path).await["key"], *key);
        assert_eq!(delete(&client, path).await.status, StatusCode::NO_CONTENT);
    }
    let long = "x".repeat(201);
    let problem = put(&client, &long, &backup("@daily")).await.problem(400);
    assert_eq!(problem["detail"], "a key has 201 characters; at most 200 are allowed");
}

#[tokio::test]
async fn a_key_in_a_body_is_the_same_as_in_the_path_and_belongs_to_one_recurring_job() {
    let (_site, server) = Server::with_config(TYPES);
    let client = server.client();
    let with_key = |key: &str| {
        let mut body = backup("@daily");
        body["key"] = json!(key);
        body
    };
    let problem = put(&client, "a", &with_key("b")).await.problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/key");
    assert_eq!(put(&client, "a", &with_key("a")).await.status, StatusCode::CREATED);
    for path in ["/jobs/recurring", "/jobs"] {
        let problem = client.post(path, with_key("a")).await.problem(409);
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains("'a'"), "{detail}");
    }
    let other = client.post("/jobs/recurring", with_key("b")).await;
    assert_eq!(other.status, StatusCode::CREATED, "{}", other.text);
    let id = other.json()["id"].as_str().expect("an id").to_owned();
    let request = client.request(Method::PUT, &format!("/jobs/recurring/{id}"));
    let problem = client.send(request.json(&with_key("c"))).await.problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/key");
    let problem = client
        .post("/jobs", json!({ "type": "DataBackupJob", "key": "z" }))
        .await
        .problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/key");
    let problem = client.post("/jobs/recurring", with_key("")).await.problem(400);
    assert_eq!(problem["errors"][0]["pointer"], "#/key");
    assert_eq!(count(&client).await, 2);
}

#[tokio::test]
async fn a_put_by_key_keeps_to_its_conditions() {
    let (_site, server) = Server::with_config(TYPES);
    let client = server.client();
    let put_if = async |header: &str, value: &str, cron: &str| {
        let request = client.request(Method::PUT, "/jobs/recurring/by-key/k");
        client.send(request.header(header, value).json(&backup(cron))).await
    };
    for expected in ["\"1\"", "\"1\", \"2\"", "*"] {
        put_if("if-match", expected, "@daily").await.problem(412);
    }
    assert_eq!(put_if("if-none-match", "*", "@daily").await.status, StatusCode::CREATED);
    let exists = put_if("if-none-match", "*", "@hourly").await.problem(412);
    assert_eq!(exists["detail"], "a recurring job with this key exists (revision 1)");
    put_if("if-match", "\"7\"", "@hourly").await.problem(412);
    assert_eq!(put_if("if-match", "\"1\"", "@hourly").await.status, StatusCode::OK);
    assert_eq!(
        put_if("if-match", "\"1\", \"2\"", "@weekly").await.header("etag"),
        Some("\"3\"")
    );
    assert_eq!(put_if("if-match", "*", "@weekly").await.status, StatusCode::OK);
    assert_eq!(put_if("if-none-match", "\"1\"", "@weekly").await.status, StatusCode::OK);
    put_if("if-none-match", "\"3\"", "@weekly").await.problem(412);
    let delete_if = async |header: &str, value: &str| {
        let request = client.request(Method::DELETE, "/jobs/recurring/by-key/k");
        client.send(request.header(header, value)).await
    };
    delete_if("if-none-match", "*").await.problem(412);
    delete_if("if-match", "\"1\"").await.problem(412);
    assert_eq!(delete_if("if-match", "*").await.status, StatusCode::NO_CONTENT);
    delete_if("if-none-match", "*").await.problem(404);
    // `If-None-Match` with any tag succeeds for an unknown key.
    assert_eq!(
        put_if("if-none-match", "\"3\"", "@daily").await.status,
        StatusCode::CREATED
    );
}

async fn twenty_make_one(storage: Storage) {
    let site = Site::new(storage, TYPES);
    // A SQLite file belongs to one server.
    let servers = match storage {
        Storage::Sqlite => vec![site.start()],
        Storage::Postgres => vec![site.start(), site.start()],
    };
    let clients: Vec<Client> = servers.iter().map(Server::client).collect();
    let body = backup("0 2 * * *");
    let puts = (0..20).map(|number| put(&clients[number % clients.len()], "one", &body));
    let responses = join_all(puts).await;
    let ids: BTreeSet<String> = responses
        .iter()
        .map(|response| response.json()["id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let of = |status| responses.iter().filter(|response| response.status == status).count();
    assert_eq!((of(StatusCode::CREATED), of(StatusCode::OK)), (1, 19));
    assert_eq!(count(&clients[0]).await, 1);
    assert_eq!(by_key(&clients[0], "one").await["revision"], 1);
}

#[tokio::test]
async fn twenty_simultaneous_puts_of_a_new_key_make_one_on_sqlite() {
    twenty_make_one(Storage::Sqlite).await;
}

#[tokio::test]
async fn twenty_simultaneous_puts_of_a_new_key_make_one_on_postgres() {
    twenty_make_one(Storage::Postgres).await;
}

#[tokio::test]
async fn graphql_puts_by_key_and_shows_the_key() {
    let (_site, server) = Server::with_config(TYPES);
    let client = server.client();
    let mutation = "mutation($cron: String!) { putRecurringJob(key: \"nightly\", input: { type: \"DataBackupJob\", \
                    cronExpression: $cron }) { id key revision } }";
    let mut seen = Vec::new();
    for cron in ["0 2 * * *", "0 2 * * *", "0 3 * * *"] {
        let response = client
            .graphql(&json!({ "query": mutation, "variables": { "cron": cron } }))
            .await;
        seen.push(response["data"]["putRecurringJob"].clone());
    }
    assert_eq!((&seen[0]["key"], &seen[0]["revision"]), (&json!("nightly"), &json!(1)));
    assert_eq!(seen[0], seen[1]);
    assert_eq!((&seen[2]["id"], &seen[2]["revision"]), (&seen[0]["id"], &json!(2)));
    let query = "{ recurringJobByKey(key: \"nightly\") { id key } none: recurringJobByKey(key: \"x\") { id } }";
    let found = client.graphql(&json!({ "query": query })).await;
    assert_eq!(found["data"]["recurringJobByKey"]["id"], seen[0]["id"]);
    assert_eq!(found["data"]["none"], Value::Null);
}

fn declared(cron: &str, more: &str) -> String {
    format!(
        "{TYPES}
[audit]
enable = true

[[recurring]]
key = \"nightly\"
type = \"DataBackupJob\"
name = \"Nightly\"
cron_expression = \"{cron}\"
time_zone = \"Europe/Berlin\"
priority = \"high\"
queue = \"mail\"
max_retries = 2
timeout = \"00:10:00\"
misfire_policy = \"catch_up\"
max_catch_up = 7
overlap_policy = \"queue\"
starts_at = 2026-01-01T00:00:00Z
parameters = {{ destination = \"s3://backups/\", parts = [1, 2.5, true], at = 2026-01-01 }}
{more}"
    )
}

#[tokio::test]
async fn a_declaration_is_applied_once_by_several_servers_on_postgres() {
    let site = Site::new(Storage::Postgres, &declared("0 2 * * *", ""));
    let server = site.start();
    let read = by_key(&server.client(), "nightly").await;
    for (member, expected) in [
        ("name", json!("Nightly")),
        ("type", json!("DataBackupJob")),
        ("cronExpression", json!("0 2 * * *")),
        ("timeZone", json!("Europe/Berlin")),
        ("priority", json!("high")),
        ("queue", json!("mail")),
        ("maxRetries", json!(2)),
        ("timeout", json!("00:10:00")),
        ("misfirePolicy", json!("catch_up")),
        ("catchUpMax", json!(7)),
        ("overlapPolicy", json!("queue")),
        ("enabled", json!(true)),
        ("revision", json!(1)),
        (
            "parameters",
            json!({ "destination": "s3://backups/", "parts": [1, 2.5, true], "at": "2026-01-01" }),
        ),
    ] {
        assert_eq!(read[member], expected, "{member}");
    }
    let audit = server.client().get("/audit").await.json();
    assert_eq!(audit["records"][0]["actor"]["name"], "configuration", "{audit}");
    assert!(server.stop().success());
    // The deployment is repeated on two servers concurrently.
    let servers = [site.start(), site.start()];
    let client = servers[0].client();
    assert_eq!(by_key(&client, "nightly").await, read);
    assert_eq!(count(&client).await, 1);
}

#[tokio::test]
async fn a_deployment_that_runs_twice_makes_one_on_sqlite() {
    let site = Site::new(Storage::Sqlite, &declared("0 2 * * *", ""));
    let server = site.start();
    let read = by_key(&server.client(), "nightly").await;
    assert!(server.stop().success());
    let server = site.start();
    assert_eq!(by_key(&server.client(), "nightly").await, read);
    assert_eq!(count(&server.client()).await, 1);
}

#[tokio::test]
async fn a_changed_configuration_changes_the_schedule_and_a_removed_one_deletes_nothing() {
    let site = Site::new(Storage::Sqlite, &declared("0 2 * * *", ""));
    let server = site.start();
    let first = by_key(&server.client(), "nightly").await;
    let id = first["id"].as_str().expect("an id").to_owned();
    let disabled = server
        .client()
        .post_empty(&format!("/jobs/recurring/{id}/disable"))
        .await;
    assert_eq!(disabled.status, StatusCode::OK, "{}", disabled.text);
    assert!(server.stop().success());

    site.configure(&declared("30 4 * * *", ""));
    let server = site.start();
    let second = by_key(&server.client(), "nightly").await;
    assert_eq!(
        (&second["id"], &second["cronExpression"]),
        (&first["id"], &json!("30 4 * * *"))
    );
    assert_eq!(second["enabled"], false, "the configuration does not set it");
    assert!(server.stop().success());

    site.configure(&declared("30 4 * * *", "enabled = true"));
    let server = site.start();
    assert_eq!(by_key(&server.client(), "nightly").await["enabled"], true);
    assert!(server.stop().success());

    site.configure(TYPES);
    let server = site.start();
    assert_eq!(by_key(&server.client(), "nightly").await["id"], first["id"]);
    assert_eq!(delete(&server.client(), "nightly").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_mistake_in_a_declaration_names_its_line() {
    for (lines, expected) in [
        (
            "type = \"T\"\ncron = \"@daily\"",
            "tickerq.toml:1: recurring[0].key: is required",
        ),
        (
            "key = \"a\"\ncron = \"@daily\"",
            "tickerq.toml:1: recurring[0].type: is required",
        ),
        (
            "key = \"a\"\ntype = \"T\"",
            "tickerq.toml:1: recurring[0].cron_expression: is required",
        ),
        (
            "key = \"a\"\ntype = \"T\"\ncron = \"61 * * * *\"",
            "tickerq.toml:4: recurring[0].cron: ",
        ),
        (
            "key = \"a\"\ntype = \"T\"\ncron = \"@daily\"\ncron_expression = \"@daily\"",
            "tickerq.toml:4: recurring[0].cron: is a synonym of cron_expression; set only one of them",
        ),
        (
            "key = \"\"\ntype = \"T\"\ncron = \"@daily\"",
            "tickerq.toml:2: recurring[0].key: must not be empty",
        ),
        (
            "key = \"a\"\ntype = \"T\"\ncron_expression = \"@daily\"\ntime_zone = \"Mars\"",
            "tickerq.toml:5: recurring[0].time_zone: ",
        ),
        (
            "key = \"a\"\ntype = \"T\"\ncron_expression = \"@daily\"\nmisfire_policy = \"x\"",
            "tickerq.toml:5: recurring[0].misfire_policy: 'x' is not a misfire policy; allowed are",
        ),
        (
            "key = \"a\"\ntype = \"T\"\ncron_expression = \"@daily\"\nmax_retries = 1001",
            "tickerq.toml:5: recurring[0].max_retries: 1001 is out of range; allowed is 0 to 1000",
        ),
        (
            "key = \"a\"\ntype = \"T\"\ncron_expression = \"@daily\"\nparameters = { x = nan }",
            "tickerq.toml:5: recurring[0].parameters: nan is not a number of JSON",
        ),
        (
            "key = \"a\"\ntype = \"T\"\ncron_expression = \"@daily\"\nstarts_at = 2026-02-01T00:00:00Z\nends_at = \
             2026-01-01T00:00:00Z",
            "tickerq.toml:6: recurring[0].ends_at: is earlier than starts_at",
        ),
        (
            "key = \"a\"\ntype = \"T\"\ncron_expression = \"@daily\"\npriorty = \"high\"",
            "tickerq.toml:5: recurring[0].priorty: unknown setting; did you mean priority?",
        ),
        (
            "key = \"a\"\ntype = \"T\"\ncron = \"@daily\"\n[[recurring]]\nkey = \"a\"\ntype = \"T\"\ncron = \"@daily\"",
            "tickerq.toml:6: recurring[1].key: 'a' is the key of an earlier recurring job; keys must be distinct",
        ),
    ] {
        let site = Site::new(Storage::Sqlite, &format!("[[recurring]]\n{lines}\n"));
        let output = site.command(&["config", "check"]).output().expect("it runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{lines}");
        let is_named = stderr.lines().any(|line| line.contains(expected));
        assert!(is_named, "{lines}\nexpected {expected}\nsaid {stderr}");
    }
}
