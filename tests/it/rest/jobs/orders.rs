//! Lists of jobs in the order of due time, end and duration.

use serde_json::{Value, json};

use crate::harness::server::{Site, Storage};

const TYPES: &str = r#"
[job_types.Noop]
handler = "noop"
"#;

fn ids(jobs: &Value) -> Vec<String> {
    let jobs = jobs.as_array().expect("jobs").iter();
    jobs.map(|job| job["id"].as_str().expect("an id").to_owned()).collect()
}

async fn jobs_are_ordered(storage: Storage) {
    let site = Site::new(storage, TYPES);
    let server = site.start();
    let client = server.client();
    let mut by_due = Vec::new();
    for delay in [3, 1, 4, 2, 5] {
        let job = json!({ "type": "Waits", "queue": "mail", "delay": format!("0{delay}:00:00") });
        let id = client.create(job).await["id"].as_str().expect("an id").to_owned();
        by_due.push((delay, id));
    }
    by_due.sort();
    let by_due: Vec<String> = by_due.into_iter().map(|(_, id)| id).collect();
    let mut ended = Vec::new();
    for _ in 0..3 {
        let id = client.create_of_type("Noop").await;
        client.wait_finished(&id).await;
        ended.push(id);
    }

    let filter = "status=pending&queue=mail";
    let list = client.get(&format!("/jobs?{filter}&order=due")).await.json();
    assert_eq!(ids(&list["jobs"]), by_due, "{list}");
    assert_eq!((&list["totalCount"], &list["hasMore"]), (&json!(5), &json!(false)));
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = client
            .get(&format!("/jobs?{filter}&order=-due&limit=2{after}"))
            .await
            .json();
        found.extend(ids(&page["jobs"]));
        if page["hasMore"] == false {
            break;
        }
        after = format!("&after={}", page["endCursor"].as_str().expect("a cursor"));
    }
    found.reverse();
    assert_eq!(found, by_due);
    let list = client.get("/jobs?order=finished").await.json();
    assert_eq!(ids(&list["jobs"]), ended, "unfinished ones are left out");
    let slowest = client.get("/jobs?order=-duration&type=Noop").await.json();
    let durations: Vec<&str> = slowest["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .filter_map(|job| job["duration"].as_str())
        .collect();
    assert!(
        durations.len() == 3 && durations.is_sorted_by(|one, other| one >= other),
        "{slowest}"
    );
    // The default order has ids as its cursors.
    let oldest = client.get("/jobs?order=created&limit=2").await.json();
    assert_eq!(oldest["endCursor"], oldest["jobs"][1]["id"]);
    let rest = client
        .get(&format!(
            "/jobs?order=created&after={}",
            oldest["endCursor"].as_str().expect("an id")
        ))
        .await
        .json();
    assert_eq!(rest["jobs"].as_array().map(Vec::len), Some(6), "{rest}");
    for (query, part) in [
        ("order=started", "allowed are created, due, finished and duration"),
        ("order=due&offset=2", "offset is not allowed in this order"),
        ("order=due&after=x", "not the endCursor"),
    ] {
        let problem = client.get(&format!("/jobs?{query}")).await.problem(400);
        assert!(problem.to_string().contains(part), "{query}: {problem}");
    }

    let query = |arguments: &str| {
        let query = format!(
            "{{ jobs(filter: {{ query: \"status:pending queue:mail\" }}, orderBy: {{ field: DUE_AT, direction: ASC }}, {arguments}) {{
               totalCount nodes {{ id }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
        );
        let client = client.clone();
        async move { client.graphql(&json!({ "query": query })).await["data"]["jobs"].clone() }
    };
    let first = query("first: 2").await;
    assert_eq!(ids(&first["nodes"]), by_due[..2], "{first}");
    assert_eq!(
        (&first["totalCount"], &first["pageInfo"]["hasNextPage"]),
        (&json!(5), &json!(true))
    );
    let next = query(&format!("first: 2, after: {}", first["pageInfo"]["endCursor"])).await;
    assert_eq!(ids(&next["nodes"]), by_due[2..4], "{next}");
    assert_eq!(next["pageInfo"]["hasPreviousPage"], true);
    let last = query("last: 2").await;
    assert_eq!(ids(&last["nodes"]), by_due[3..], "{last}");
    let before = query(&format!("last: 2, before: {}", last["pageInfo"]["startCursor"])).await;
    assert_eq!(ids(&before["nodes"]), by_due[1..3], "{before}");
    let cursor = client
        .graphql(&json!({ "query": "{ jobs(first: 1) { pageInfo { endCursor } } }" }))
        .await;
    let cursor = &cursor["data"]["jobs"]["pageInfo"]["endCursor"];
    let other = json!({ "query": format!("{{ jobs(orderBy: {{ field: DUE_AT, direction: ASC }}, after: {cursor}) {{ nodes {{ id }} }} }}") });
    let response = client.graphql(&other).await;
    assert!(
        response["errors"][0]["message"]
            .to_string()
            .contains("not a cursor of this list"),
        "{response}"
    );
}

#[tokio::test]
async fn jobs_are_listed_in_the_order_of_a_value_on_sqlite() {
    jobs_are_ordered(Storage::Sqlite).await;
}

#[tokio::test]
async fn jobs_are_listed_in_the_order_of_a_value_on_postgresql() {
    jobs_are_ordered(Storage::Postgres).await;
}

#[tokio::test]
async fn an_order_of_too_many_jobs_is_rejected_with_those_that_are_allowed() {
    let site = Site::new(Storage::Sqlite, "");
    let server = site.start();
    let client = server.client();
    for _ in 0..3 {
        let batch: Vec<Value> = (0..4_000)
            .map(|_| json!({ "type": "Waits", "delay": "01:00:00" }))
            .collect();
        assert_eq!(client.post("/jobs/batch", json!(batch)).await.status, 201);
    }
    for query in [
        "order=due",
        "order=-duration&status=pending",
        "order=finished&type=Waits",
    ] {
        let problem = client.get(&format!("/jobs?{query}")).await.problem(400);
        assert!(problem.to_string().contains("more than 10000 jobs match"), "{problem}");
    }
    let query = json!({ "query": "{ jobs(orderBy: { field: DURATION, direction: DESC }) { nodes { id } } }" });
    let response = client.graphql(&query).await;
    assert!(
        response["errors"][0]["message"]
            .to_string()
            .contains("more than 10000 jobs match"),
        "{response}"
    );
    let by_due = client
        .get("/jobs?order=due&status=pending&queue=default&limit=10")
        .await
        .json();
    assert_eq!(
        by_due["jobs"].as_array().map(Vec::len),
        Some(10),
        "an index has this order"
    );
}
