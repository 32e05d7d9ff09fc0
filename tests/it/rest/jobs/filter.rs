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
    // The other parameters hold as well.
    let both = client
        .get("/jobs?filter=queue:mail&status=pending&type=Waits")
        .await
        .json();
    assert_eq!(names(&both["jobs"]), ["four"]);
    errors(&client).await;
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
    let found = shell.run(&["job", "search", "status:completed", "-name:first", "--json"]);
    assert_eq!(names(&found.json()["jobs"]), ["second"]);
    let found = shell.run(&["job", "list", "--filter", "name:f* type:Echo", "--json"]);
    assert_eq!(names(&found.json()["jobs"]), ["first"]);
}
