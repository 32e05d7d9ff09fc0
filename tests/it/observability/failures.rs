//! `/metrics/failures`: kinds of failures with their fingerprints.

use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::eventually;
use crate::harness::server::{Site, Storage};

const TYPES: &str = r#"
[cluster]
node_name = "failing-node"
[job_types.Order]
max_retries = 0
handler = { command = { program = "sh", args = ["-c", "echo \"order $$ timed out\" >&2; exit 1"] } }
[job_types.Mail]
max_retries = 0
handler = { command = { program = "sh", args = ["-c", "echo refused >&2; exit 1"] } }
"#;

async fn all_have_ended(client: &Client) {
    eventually("all jobs have ended", || async {
        let list = client.get("/jobs?status=pending,running").await.json();
        (list["totalCount"] == 0).then_some(())
    })
    .await;
}

async fn failures_are_grouped(storage: Storage) {
    let site = Site::new(storage, TYPES);
    let server = site.start();
    let client = server.client();
    let mut orders = Vec::new();
    for _ in 0..3 {
        let created = client.create(json!({ "type": "Order" })).await;
        orders.push(created["id"].clone());
    }
    client.create(json!({ "type": "Mail" })).await;
    all_have_ended(&client).await;

    let list = client.get("/metrics/failures").await.json();
    let failures = list["failures"].as_array().expect("failures");
    assert_eq!((failures.len(), &list["totalCount"]), (2, &json!(2)), "{list}");
    let order = &failures[0];
    assert_eq!(
        (&order["type"], &order["count"]),
        (&json!("Order"), &json!(3)),
        "numbers are folded: {list}"
    );
    assert!(
        order["reason"]
            .as_str()
            .expect("a reason")
            .ends_with("order # timed out"),
        "{order}"
    );
    assert!(
        order["firstSeen"].is_string() && order["lastSeen"].is_string(),
        "{order}"
    );
    let only = client.get("/metrics/failures?limit=1&type=Mail").await.json();
    assert_eq!(only["failures"].as_array().expect("failures").len(), 1);
    assert_eq!(only["failures"][0]["type"], "Mail");

    let fingerprint = order["fingerprint"].as_str().expect("a fingerprint");
    let path = format!("/metrics/failures/{fingerprint}");
    let detail = client.get(&path).await.json();
    assert_eq!(
        (&detail["fingerprint"], &detail["count"], &detail["reason"]),
        (&order["fingerprint"], &json!(3), &order["reason"]),
        "{detail}"
    );
    let trend: u64 = detail["trend"]
        .as_array()
        .expect("a trend")
        .iter()
        .map(|part| part["count"].as_u64().expect("a count"))
        .sum();
    assert_eq!(trend, 3);
    assert_eq!(detail["places"][0]["name"], "failing-node");
    assert_eq!(
        (&detail["places"][0]["jobs"], &detail["places"][0]["isWorker"]),
        (&json!(3), &json!(false))
    );
    let jobs = detail["jobs"].as_array().expect("jobs").iter();
    let jobs: Vec<Value> = jobs.map(|job| job["id"].clone()).collect();
    orders.reverse();
    assert_eq!(jobs, orders, "the newest first");

    // From the reason of a type to its jobs, and on to the same in GraphQL.
    let types = client.get("/metrics/job-types").await.json();
    let types = types["jobTypes"].as_array().expect("types").iter();
    let mut reasons = types.filter(|of_type| of_type["type"] == "Order");
    let reason = &reasons.next().expect("the type")["failureReasons"][0];
    assert_eq!(
        (&reason["fingerprint"], &reason["count"]),
        (&order["fingerprint"], &json!(3))
    );
    let found = client
        .get(&format!("/jobs?filter=status:failed%20fingerprint:{fingerprint}"))
        .await
        .json();
    let ids = found["jobs"]
        .as_array()
        .expect("jobs")
        .iter()
        .map(|job| job["id"].clone());
    assert_eq!(ids.collect::<Vec<Value>>(), orders, "{found}");
    assert_eq!(found["totalCount"], 3);
    let others = client
        .get(&format!("/jobs?filter=-fingerprint:{fingerprint}"))
        .await
        .json();
    assert_eq!(
        (&others["totalCount"], &others["jobs"][0]["type"]),
        (&json!(1), &json!("Mail"))
    );
    let query = format!(
        "{{ jobs(filter: {{ query: \"fingerprint:{fingerprint}\" }}) {{ totalCount }}
           jobTypes {{ jobTypes {{ type failureReasons {{ reason fingerprint }} }} }} }}"
    );
    let response = client.graphql(&json!({ "query": query })).await;
    assert_eq!(response["data"]["jobs"]["totalCount"], 3, "{response}");
    let types = response["data"]["jobTypes"]["jobTypes"]
        .as_array()
        .expect("types")
        .iter();
    let mut found = types.map(|of_type| &of_type["failureReasons"][0]["fingerprint"]);
    assert!(found.any(|found| *found == order["fingerprint"]), "{response}");

    let query = format!(
        "{{ failures {{ totalCount failures {{ fingerprint type reason count firstSeen lastSeen }} }}
           failure(fingerprint: \"{fingerprint}\") {{ failure {{ count }} trend {{ date count }} places {{ name jobs }} jobs {{ id status }} }}
           none: failure(fingerprint: \"0000000000000000\") {{ trend {{ count }} }} }}"
    );
    let response = client.graphql(&json!({ "query": query })).await;
    let data = &response["data"];
    assert_eq!(data["failures"]["failures"], list["failures"], "{response}");
    assert_eq!(data["failure"]["failure"]["count"], 3);
    assert_eq!(
        data["failure"]["jobs"][0],
        json!({ "id": orders[0], "status": "FAILED" })
    );
    assert!(data["none"].is_null());

    // The fingerprint is stable.
    server.kill();
    let server = site.start();
    let again = server.client().get(&path).await.json();
    assert_eq!(again["fingerprint"], detail["fingerprint"]);
    assert_eq!(again["firstSeen"], detail["firstSeen"]);
    for unknown in ["0000000000000000", "not-a-fingerprint"] {
        let response = server.client().get(&format!("/metrics/failures/{unknown}")).await;
        assert_eq!(response.status, 404, "{unknown}");
    }
}

#[tokio::test]
async fn failures_are_grouped_by_fingerprint_on_sqlite() {
    failures_are_grouped(Storage::Sqlite).await;
}

#[tokio::test]
async fn failures_are_grouped_by_fingerprint_on_postgresql() {
    failures_are_grouped(Storage::Postgres).await;
}
