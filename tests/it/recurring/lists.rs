//! Lists of recurring jobs: filter, order, cursor and last outcomes.

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Site, Storage};

const TYPES: &str = r#"
[job_types.Noop]
handler = "noop"
[job_types.Breaks]
max_retries = 0
handler = { command = { program = "false" } }
"#;

async fn create(client: &Client, recurring: Value) -> String {
    let response = client.post("/jobs/recurring", recurring).await;
    assert_eq!(response.status, 201, "{}", response.text);
    response.json()["id"].as_str().expect("an id").to_owned()
}

fn names(list: &Value) -> Vec<&str> {
    let jobs = list["recurringJobs"].as_array().expect("recurring jobs");
    jobs.iter().filter_map(|job| job["name"].as_str()).collect()
}

async fn recurring_jobs_are_found(storage: Storage) {
    let site = Site::new(storage, TYPES);
    let server = site.start();
    let client = server.client();
    let expressions = ["0 0 1 1 *", "0 0 1 7 *", "0 * * * *", "0 0 * * *"];
    for (name, expression) in ["Delta", "alpha", "Charlie", "Bravo"].iter().zip(expressions) {
        let enabled = *name != "alpha";
        let queue = if *name == "Bravo" { "mail" } else { "default" };
        create(
            &client,
            json!({ "type": "Noop", "name": name, "cronExpression": expression, "enabled": enabled, "queue": queue }),
        )
        .await;
    }
    let breaks = json!({ "type": "Breaks", "name": "Echo", "cronExpression": "0 0 1 1 *", "timeZone": "Asia/Tokyo" });
    let echo = create(&client, breaks).await;

    let list = client.get("/jobs/recurring").await.json();
    assert_eq!(
        names(&list),
        ["Echo", "Bravo", "Charlie", "alpha", "Delta"],
        "newest first"
    );
    assert_eq!((&list["totalCount"], &list["hasMore"]), (&json!(5), &json!(false)));
    let by_name = client.get("/jobs/recurring?order=name").await.json();
    assert_eq!(names(&by_name), ["Bravo", "Charlie", "Delta", "Echo", "alpha"]);
    let by_next = client.get("/jobs/recurring?order=nextRun").await.json();
    assert_eq!(names(&by_next)[0], "Charlie");
    assert_eq!(
        names(&by_next)[4],
        "alpha",
        "without a next run it is the last: {by_next}"
    );
    for order in ["newest", "nextRun", "name"] {
        let whole = client.get(&format!("/jobs/recurring?order={order}")).await.json();
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let page = client
                .get(&format!("/jobs/recurring?order={order}&limit=2{after}"))
                .await
                .json();
            found.extend(names(&page).iter().map(|name| (*name).to_owned()));
            assert_eq!(page["totalCount"], 5);
            if page["hasMore"] == false {
                break;
            }
            after = format!("&after={}", page["endCursor"].as_str().expect("a cursor"));
        }
        assert_eq!(found, names(&whole), "{order}");
    }
    for (query, expected) in [
        ("search=CHARL", vec!["Charlie"]),
        ("search=break", vec!["Echo"]),
        ("enabled=false", vec!["alpha"]),
        ("enabled=true&type=Noop&order=name", vec!["Bravo", "Charlie", "Delta"]),
        ("queue=mail", vec!["Bravo"]),
        ("search=nothing", vec![]),
    ] {
        let list = client.get(&format!("/jobs/recurring?{query}")).await.json();
        assert_eq!(names(&list), expected, "{query}");
        assert_eq!(list["totalCount"], expected.len(), "{query}");
    }
    for (query, part) in [
        ("order=oldest", "allowed are newest, nextRun and name"),
        ("order=name&after=x", "not the endCursor"),
        ("enabled=1", "allowed are true and false"),
        ("outcomes=21", "allowed are whole numbers from 1 to 20"),
    ] {
        let problem = client.get(&format!("/jobs/recurring?{query}")).await.problem(400);
        assert!(problem.to_string().contains(part), "{query}: {problem}");
    }

    let mut jobs = Vec::new();
    for _ in 0..3 {
        let job = client
            .post(&format!("/jobs/recurring/{echo}/trigger"), json!({}))
            .await
            .json();
        jobs.insert(0, job["id"].clone());
    }
    eventually("the occurrences have failed", || async {
        let failed = client.get("/jobs?type=Breaks&status=failed").await.json();
        (failed["totalCount"] == 3).then_some(())
    })
    .await;
    let list = client.get("/jobs/recurring?search=echo&outcomes=2").await.json();
    let outcomes = list["recurringJobs"][0]["lastOutcomes"].as_array().expect("outcomes");
    let found: Vec<&Value> = outcomes.iter().map(|outcome| &outcome["id"]).collect();
    assert_eq!(found, jobs.iter().take(2).collect::<Vec<_>>(), "{list}");
    assert_eq!(outcomes[0]["status"], "failed");
    assert!(
        outcomes[0]["completedAt"].is_string() && outcomes[0]["duration"].is_string(),
        "{list}"
    );
    let query = r#"{ recurringJobs(search: "e", orderBy: NAME, limit: 2) { totalCount hasMore endCursor
                     nodes { name lastOutcomes { id status } } } }"#;
    let response = client.graphql(&json!({ "query": query })).await;
    let page = &response["data"]["recurringJobs"];
    assert_eq!(
        (&page["totalCount"], &page["hasMore"]),
        (&json!(3), &json!(true)),
        "{response}"
    );
    assert_eq!(page["nodes"][0]["lastOutcomes"], json!([]), "{response}");
    let query = format!(
        r#"{{ recurringJobs(search: "e", orderBy: NAME, after: {}) {{ nodes {{ name lastOutcomes(limit: 1) {{ id status }} }} }} }}"#,
        page["endCursor"]
    );
    let response = client.graphql(&json!({ "query": query })).await;
    assert_eq!(
        response["data"]["recurringJobs"]["nodes"],
        json!([{ "name": "Echo", "lastOutcomes": [{ "id": jobs[0], "status": "FAILED" }] }]),
        "{response}"
    );
    let query = r#"{ recurringJobs(search: "echo") { nodes { lastOutcomes(limit: 1) { id status } } } }"#;
    let response = client.graphql(&json!({ "query": query })).await;
    assert_eq!(
        response["data"]["recurringJobs"]["nodes"][0]["lastOutcomes"],
        json!([{ "id": jobs[0], "status": "FAILED" }]),
        "{response}"
    );
}

#[tokio::test]
async fn recurring_jobs_are_found_by_filter_order_and_cursor_on_sqlite() {
    recurring_jobs_are_found(Storage::Sqlite).await;
}

#[tokio::test]
async fn recurring_jobs_are_found_by_filter_order_and_cursor_on_postgresql() {
    recurring_jobs_are_found(Storage::Postgres).await;
}
