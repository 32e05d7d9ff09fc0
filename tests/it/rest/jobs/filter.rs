//! The filter language over REST, GraphQL, WebSockets and the command line.

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::server::{Server, Site, Storage};
use crate::harness::shell::Shell;
use crate::harness::socket::Socket;

const CONFIG: &str = r#"
[cluster]
node_name = "web-1"
[job_types.Works]
handler = "noop"
[job_types.Breaks]
max_retries = 0
handler = { command = { program = "false" } }
"#;

fn names(list: &Value) -> Vec<&str> {
    let jobs = list.as_array().expect("jobs");
    jobs.iter().map(|job| job["name"].as_str().expect("a name")).collect()
}

async fn some_jobs(client: &Client) {
    for (name, job_type, queue, priority) in [
        ("one", "Works", "default", "low"),
        ("two", "Works", "mail", "normal"),
        ("three", "Breaks", "mail-eu", "high"),
        ("four", "Waits", "mail", "critical"),
    ] {
        let job = client
            .create(json!({ "name": name, "type": job_type, "queue": queue, "priority": priority }))
            .await;
        if job_type != "Waits" {
            client.wait_finished(job["id"].as_str().expect("an id")).await;
        }
    }
}

async fn filters(storage: Storage) {
    let site = Site::new(storage, CONFIG);
    let server = site.start();
    let client = server.client();
    some_jobs(&client).await;
    for (filter, expected) in [
        ("status:completed", &["two", "one"][..]),
        ("-status:completed", &["four", "three"]),
        ("type:Wo*,Wa* queue:mail", &["four", "two"]),
        ("-type:W*", &["three"]),
        ("queue:mail*", &["four", "three", "two"]),
        ("priority>=high", &["four", "three"]),
        ("attempts:>0 worker:web-1", &["three", "two", "one"]),
        ("worker:elsewhere", &[]),
        ("worker:none", &["four"]),
        ("error~EXIT", &["three"]),
        ("finished:>=-1h duration:<1h", &["three", "two", "one"]),
        ("created:..2020-01-01", &[]),
        ("tag:none thr", &["three"]),
        ("-\"hr\" -name:t*", &["four", "one"]),
    ] {
        let query = [("filter", filter)];
        let request = client.request(reqwest::Method::GET, "/jobs").query(&query);
        let response = client.send(request).await;
        assert_eq!(response.status, 200, "{filter}: {}", response.text);
        let list = response.json();
        assert_eq!(names(&list["jobs"]), expected, "{filter}");
        assert_eq!(list["totalCount"], expected.len(), "{filter}");
        let query = "query($filter: String) { jobs(filter: { query: $filter }) { totalCount nodes { name } } }";
        let response = client
            .graphql(&json!({ "query": query, "variables": { "filter": filter } }))
            .await;
        let jobs = &response["data"]["jobs"];
        assert_eq!(names(&jobs["nodes"]), expected, "{filter}: {response}");
        assert_eq!(jobs["totalCount"], expected.len(), "{filter}");
    }
    counts(&client).await;
    // The other parameters hold as well.
    let both = client
        .get("/jobs?filter=queue:mail&status=pending&type=Waits")
        .await
        .json();
    assert_eq!(names(&both["jobs"]), ["four"]);
    errors(&client).await;
}

/// Numbers by the values of fields, from counters and job by job, and limited totals.
async fn counts(client: &Client) {
    for (query, expected) in [
        ("by=status", json!([["completed", 2], ["failed", 1], ["pending", 1]])),
        ("by=queue", json!([["mail", 2], ["default", 1], ["mail-eu", 1]])),
        (
            "by=type&filter=queue:mail*",
            json!([["Breaks", 1], ["Waits", 1], ["Works", 1]]),
        ),
        ("by=priority&status=completed", json!([["low", 1], ["normal", 1]])),
        ("by=type&filter=attempts:>0", json!([["Works", 2], ["Breaks", 1]])),
        ("by=queue&filter=-type:Works queue:mail", json!([["mail", 1]])),
        ("by=type&filter=queue:nowhere", json!([])),
        ("by=tag", json!([])),
    ] {
        let response = client.get(&format!("/jobs/facets?{query}")).await;
        assert_eq!(response.status, 200, "{query}: {}", response.text);
        let values = response.json()["facets"][0]["values"].clone();
        let values = values.as_array().expect("values").iter();
        let values: Vec<Value> = values.map(|value| json!([value["value"], value["count"]])).collect();
        assert_eq!(Value::from(values), expected, "{query}");
    }
    let limited = client.get("/jobs/facets?by=status,queue&limit=1").await.json();
    assert_eq!(limited["facets"].as_array().map(Vec::len), Some(2));
    assert_eq!(limited["facets"][1]["hasMore"], true, "{limited}");
    for (query, detail) in [
        ("", "by is missing"),
        (
            "?by=colour",
            "'colour' is not a field to count by; allowed are status, type, queue, priority, tag",
        ),
    ] {
        let problem = client.get(&format!("/jobs/facets{query}")).await.problem(400);
        assert!(
            problem["detail"].as_str().is_some_and(|text| text.contains(detail)),
            "{problem}"
        );
    }
    let query = json!({ "query": "{ jobFacets(by: [TYPE, STATUS], filter: { query: \"queue:mail\" }) { by values { value count } hasMore } \
        jobs { totalCount(upTo: 3) } other: jobs(filter: { query: \"attempts:>0\" }) { totalCount(upTo: 2) } }" });
    let data = client.graphql(&query).await["data"].clone();
    assert_eq!(
        data["jobFacets"][0]["values"][0],
        json!({ "value": "Waits", "count": 1 }),
        "{data}"
    );
    assert_eq!(
        (&data["jobs"]["totalCount"], &data["other"]["totalCount"]),
        (&json!(3), &json!(2))
    );
    for (query, expected) in [
        ("countUpTo=2", 2),
        ("countUpTo=10", 4),
        ("countUpTo=1&filter=attempts:>0", 1),
    ] {
        let list = client.get(&format!("/jobs?{query}")).await.json();
        assert_eq!(list["totalCount"], expected, "{query}");
    }
    let problem = client.get("/jobs?countUpTo=0").await.problem(400);
    assert_eq!(
        problem["detail"],
        "countUpTo is '0'; allowed are whole numbers from 1 to 1000000"
    );
}

async fn errors(client: &Client) {
    for (filter, detail) in [
        (
            "staus:failed",
            "character 1: 'staus' is not a field (did you mean 'status'?)",
        ),
        (
            "status:faild",
            "character 8: 'faild' is not a status; allowed are pending",
        ),
        (
            "created:2026-02-30",
            "character 9: '2026-02-30' is not a time; allowed are",
        ),
        (
            "param.customer.id:4711",
            "param.customer.id is not searchable; none is declared",
        ),
    ] {
        let problem = client.get(&format!("/jobs?filter={filter}")).await.problem(400);
        assert!(
            problem["detail"].as_str().expect("a detail").contains(detail),
            "{problem}"
        );
        let query = format!("{{ jobs(filter: {{ query: \"{filter}\" }}) {{ nodes {{ id }} }} }}");
        let response = client.graphql(&json!({ "query": query })).await;
        let message = response["errors"][0]["message"].as_str().expect("a message");
        assert!(message.contains(detail), "{response}");
    }
    let long = "x".repeat(9_000);
    let problem = client.get(&format!("/jobs?filter={long}")).await.problem(400);
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("at most 8192 are allowed"), "{detail}");
    // A bulk change needs a term, and changes only the jobs of the filter.
    let bulk = |query: &str| json!({ "query": format!("mutation {{ cancelJobs(filter: {{ query: \"{query}\" }}) {{ count }} }}") });
    let response = client.graphql(&bulk(" ")).await;
    assert!(
        response["errors"][0]["message"]
            .as_str()
            .is_some_and(|text| text.contains("empty")),
        "{response}"
    );
    let response = client.graphql(&bulk("queue:mail status:completed")).await;
    assert_eq!(response["data"]["cancelJobs"]["count"], 0, "{response}");
    let response = client.graphql(&bulk("queue:mail -name:five")).await;
    assert_eq!(response["data"]["cancelJobs"]["count"], 1, "{response}");
}

#[tokio::test]
async fn a_filter_finds_its_jobs_on_sqlite() {
    filters(Storage::Sqlite).await;
}

#[tokio::test]
async fn a_filter_finds_its_jobs_on_postgres() {
    filters(Storage::Postgres).await;
}

#[tokio::test]
async fn a_subscription_has_the_events_of_its_filter() {
    let (_site, server) = Server::with_config(CONFIG);
    let mut socket = Socket::open(&server.url, "/ws").await;
    let filter = json!({ "query": "priority>=high -type:Waits" });
    socket.subscribe(json!(["job-status"]), filter).await;
    let client = server.client();
    some_jobs(&client).await;
    for _ in 0..3 {
        let event = socket.next_of("job-status-changed").await;
        assert_eq!(event["data"]["name"], "three", "{event}");
    }
}

#[test]
fn the_command_line_searches() {
    let shell = Shell::start("");
    for name in ["first", "second"] {
        shell.run(&["job", "create", "Echo", "--name", name, "--wait"]);
    }
    let found = shell.run(&["job", "search", "-name:first status:completed", "--json"]);
    assert_eq!(names(&found.json()["jobs"]), ["second"]);
    let found = shell.run(&["job", "list", "--filter", "name:f* type:Echo", "--json"]);
    assert_eq!(names(&found.json()["jobs"]), ["first"]);
}
