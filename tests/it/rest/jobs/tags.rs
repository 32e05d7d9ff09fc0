//! Tags and searchable parameters.

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::server::{Server, Site, Storage};

const CONFIG: &str = r#"
[job_types.OrderJob]
handler = "remote"
search = ["customer.id", "order"]
[job_types.NoopJob]
handler = "noop"
[[recurring]]
key = "nightly"
type = "OrderJob"
cron = "0 2 * * *"
tags = ["nightly"]
"#;

async fn names(client: &Client, filter: &str) -> Vec<String> {
    let request = client
        .request(reqwest::Method::GET, "/jobs")
        .query(&[("filter", filter)]);
    let response = client.send(request).await;
    assert_eq!(response.status, 200, "{filter}: {}", response.text);
    let list = response.json();
    let jobs = list["jobs"].as_array().expect("jobs");
    assert_eq!(list["totalCount"], jobs.len(), "{filter}");
    let names = jobs.iter().map(|job| job["name"].as_str().expect("a name"));
    names.map(str::to_owned).collect()
}

async fn tags_and_parameters(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    let order = |name: &str, tags: Value, customer: Value| {
        let parameters = json!({ "customer": { "id": customer }, "order": "A-1" });
        json!({ "type": "OrderJob", "name": name, "tags": tags, "parameters": parameters })
    };
    let one = client.create(order("one", json!(["vip", "eu"]), json!(4711))).await;
    client.create(order("two", json!(["vip"]), json!("4712"))).await;
    client.create(order("three", Value::Null, json!(4711))).await;
    let plain = client.create(json!({ "type": "NoopJob", "name": "plain" })).await;
    assert_eq!(plain.get("tags"), None, "absent where there is nothing");
    for (filter, expected) in [
        ("tag:vip", &["two", "one"][..]),
        ("tag:vip,eu", &["two", "one"]),
        ("tag:e*", &["one"]),
        ("tag:none type:OrderJob", &["three"]),
        ("-tag:vip", &["plain", "three"]),
        ("param.customer.id:4711", &["three", "one"]),
        ("param.customer.id:4711 tag:vip", &["one"]),
        (
            "param.order:A-1 -param.customer.id:4712 status:pending",
            &["three", "one"],
        ),
        ("param.order:none", &["plain"]),
        ("tag:unknown", &[]),
    ] {
        assert_eq!(names(&client, filter).await, expected, "{filter}");
    }
    for filter in ["", "&filter=type:OrderJob%20-tag:unknown"] {
        let facets = client.get(&format!("/jobs/facets?by=tag{filter}")).await.json();
        let expected = json!([{ "value": "vip", "count": 2 }, { "value": "eu", "count": 1 }]);
        assert_eq!(facets["facets"][0]["values"], expected, "{facets}");
    }
    let id = one["id"].as_str().expect("an id");
    let job = client.job(id).await;
    assert_eq!(job["tags"], json!(["eu", "vip"]));
    let query = "query($id: ID!) { job(id: $id) { tags } jobs(filter: { query: \"tag:eu\" }) { nodes { tags } } }";
    let response = client
        .graphql(&json!({ "query": query, "variables": { "id": id } }))
        .await;
    assert_eq!(response["data"]["job"]["tags"], json!(["eu", "vip"]), "{response}");
    assert_eq!(response["data"]["jobs"]["nodes"][0]["tags"], json!(["eu", "vip"]));
    changes(&client, id).await;
    schedules(&client).await;
    errors(&client).await;
}

/// New tags and parameters replace the previous ones.
async fn changes(client: &Client, id: &str) {
    let change = json!({ "tags": ["late"], "parameters": { "customer": { "id": 4713 } } });
    let request = client
        .request(reqwest::Method::PATCH, &format!("/jobs/{id}"))
        .json(&change);
    let response = client.send(request).await;
    assert_eq!(response.status, 200, "{}", response.text);
    assert_eq!(client.job(id).await["tags"], json!(["late"]));
    assert_eq!(names(client, "tag:late param.customer.id:4713").await, ["one"]);
    assert_eq!(names(client, "tag:eu").await, Vec::<String>::new());
    assert_eq!(names(client, "param.order:A-1").await, ["three", "two"]);
    assert_eq!(client.post_empty(&format!("/jobs/{id}/cancel")).await.status, 200);
    let request = client.request(reqwest::Method::DELETE, &format!("/jobs/{id}"));
    let response = client.send(request).await;
    assert!(response.status.is_success(), "{}", response.text);
    assert_eq!(names(client, "tag:late").await, Vec::<String>::new());
}

/// Occurrences have the tags of their recurring job.
async fn schedules(client: &Client) {
    let declared = client.get("/jobs/recurring/by-key/nightly").await.json();
    assert_eq!(declared["tags"], json!(["nightly"]), "{declared}");
    let new = json!({
        "type": "OrderJob", "name": "scheduled", "cronExpression": "0 3 * * *", "tags": ["cron"],
        "parameters": { "customer": { "id": 1 } }
    });
    let recurring = client.post("/jobs/recurring", new).await.json();
    assert_eq!(recurring["tags"], json!(["cron"]), "{recurring}");
    let id = recurring["id"].as_str().expect("an id");
    let triggered = client.post_empty(&format!("/jobs/recurring/{id}/trigger")).await;
    assert!(triggered.status.is_success(), "{}", triggered.text);
    assert_eq!(names(client, "tag:cron param.customer.id:1").await, ["scheduled"]);
    assert_eq!(names(client, &format!("recurring:{id} tag:cron")).await, ["scheduled"]);
}

async fn errors(client: &Client) {
    let eleven: Vec<String> = (0..11).map(|number| format!("tag-{number}")).collect();
    for (tags, detail) in [
        (json!(eleven), "tags has 11 entries; at most 10 are allowed"),
        (
            json!(["x".repeat(65)]),
            "a tag has 65 characters; at most 64 are allowed",
        ),
        (json!([""]), "a tag must not be empty"),
    ] {
        let response = client.post("/jobs", json!({ "type": "NoopJob", "tags": tags })).await;
        let problem = response.problem(400);
        let given = problem["detail"].as_str().expect("a detail");
        assert!(given.contains(detail), "{problem}");
    }
    let problem = client.get("/jobs?filter=param.invoice:1").await.problem(400);
    let detail = problem["detail"].as_str().expect("a detail");
    let expected = "param.invoice is not searchable; declared are customer.id, order. A job type declares";
    assert!(detail.contains(expected), "{detail}");
}

#[tokio::test]
async fn jobs_are_found_by_tags_and_parameters_on_sqlite() {
    tags_and_parameters(Storage::Sqlite).await;
}

#[tokio::test]
async fn jobs_are_found_by_tags_and_parameters_on_postgres() {
    tags_and_parameters(Storage::Postgres).await;
}

#[tokio::test]
async fn claimed_jobs_keep_their_tags() {
    let (_site, server) = Server::with_config(CONFIG);
    let client = server.client();
    let job = client
        .create(json!({ "type": "NoopJob", "name": "tagged", "tags": ["vip"] }))
        .await;
    let done = client.wait_finished(job["id"].as_str().expect("an id")).await;
    assert_eq!(done["tags"], json!(["vip"]));
    assert_eq!(names(&client, "tag:vip status:completed").await, ["tagged"]);
}
