//! Future due times: of a cron expression, and of all recurring jobs.

use serde_json::{Value, json};

use crate::harness::server::{Server, Site, Storage};

#[tokio::test]
async fn an_expression_is_previewed_with_notes_on_clock_changes() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let query = "cronExpression=30%202%20*%20*%20*&timeZone=Europe/Berlin&after=2026-03-28&count=3";
    let preview = client.get(&format!("/jobs/recurring/preview?{query}")).await.json();
    let note = "The clocks are set from 02:00 to 03:00 on this day.";
    assert_eq!(
        preview["times"],
        json!([
            { "at": "2026-03-28T01:30:00Z", "local": "2026-03-28T02:30:00+01:00", "note": null },
            { "at": "2026-03-29T01:00:00Z", "local": "2026-03-29T03:00:00+02:00", "note": note },
            { "at": "2026-03-30T00:30:00Z", "local": "2026-03-30T02:30:00+02:00", "note": null },
        ])
    );
    assert_eq!(
        (&preview["description"], &preview["timeZone"]),
        (&json!("at 02:30 every day"), &json!("Europe/Berlin"))
    );
    assert!(preview["clockChanges"].is_string(), "{preview}");
    let query = "{ previewSchedule(cronExpression: \"30 2 * * *\", timeZone: \"Europe/Berlin\", after: \"2026-03-28T00:00:00Z\",
                   count: 3) { cronExpression timeZone description warnings clockChanges times { at local note } } }";
    let response = client.graphql(&json!({ "query": query })).await;
    assert_eq!(response["data"]["previewSchedule"], preview, "{response}");
    let defaults = client
        .get("/jobs/recurring/preview?cronExpression=@hourly")
        .await
        .json();
    assert_eq!(defaults["times"].as_array().map(Vec::len), Some(5), "{defaults}");
    assert_eq!(
        (&defaults["timeZone"], &defaults["clockChanges"]),
        (&json!("UTC"), &json!(null))
    );
    for (query, part) in [
        ("", "cronExpression is missing"),
        ("?cronExpression=x", "cronExpression"),
        ("?cronExpression=@daily&timeZone=Mars", "Mars"),
        (
            "?cronExpression=@daily&count=0",
            "allowed are whole numbers from 1 to 100",
        ),
        ("?cronExpression=@daily&after=then", "then"),
    ] {
        let problem = client
            .get(&format!("/jobs/recurring/preview{query}"))
            .await
            .problem(400);
        assert!(problem.to_string().contains(part), "{query}: {problem}");
    }
}

async fn due_times_are_counted(storage: Storage) {
    let site = Site::new(storage, "");
    let server = site.start();
    let client = server.client();
    for (expression, queue, enabled) in [
        ("0 * * * *", "mail", true),
        ("*/30 * * * *", "default", true),
        ("* * * * *", "default", false),
        ("0 0 1 1 *", "mail", true),
    ] {
        let recurring = json!({ "type": "Other", "cronExpression": expression, "queue": queue, "enabled": enabled });
        assert_eq!(client.post("/jobs/recurring", recurring).await.status, 201);
    }
    let path = "/jobs/recurring/upcoming?from=2040-05-01T00:00:00Z&to=2040-05-01T02:00:00Z";
    let upcoming = client.get(path).await.json();
    let hour = |hour: &str, queue: &str, count: u64| json!({ "hour": hour, "queue": queue, "count": count });
    assert_eq!(
        upcoming["hours"],
        json!([
            hour("2040-05-01T00:00:00Z", "default", 2),
            hour("2040-05-01T00:00:00Z", "mail", 1),
            hour("2040-05-01T01:00:00Z", "default", 2),
            hour("2040-05-01T01:00:00Z", "mail", 1),
        ])
    );
    assert_eq!(
        (&upcoming["totalCount"], &upcoming["timeZone"]),
        (&json!(6), &json!("UTC"))
    );
    // The clocks of Kathmandu are 5 h 45 min ahead.
    let local = client.get(&format!("{path}&timeZone=Asia/Kathmandu")).await.json();
    let hours: Vec<&Value> = local["hours"]
        .as_array()
        .expect("hours")
        .iter()
        .map(|hour| &hour["hour"])
        .collect();
    assert_eq!(hours.first(), Some(&&json!("2040-04-30T23:15:00Z")), "{local}");
    let query = "{ upcoming(from: \"2040-05-01T00:00:00Z\", to: \"2040-05-01T02:00:00Z\") {
                   from to timeZone totalCount hours { hour queue count } } }";
    let response = client.graphql(&json!({ "query": query })).await;
    assert_eq!(response["data"]["upcoming"], upcoming, "{response}");
    // Past times are left out: a day from now has 24 and 48.
    let day = client.get("/jobs/recurring/upcoming?from=2020-01-01").await.json();
    let expected = 24 + 48..=24 + 48 + 1;
    assert!(
        expected.contains(&day["totalCount"].as_i64().expect("a number")),
        "{day}"
    );
    for (query, part) in [
        ("from=2040-01-02&to=2040-01-01", "to is not after from"),
        ("from=2040-01-01&to=2040-03-01", "limited to 31 days"),
    ] {
        let problem = client
            .get(&format!("/jobs/recurring/upcoming?{query}"))
            .await
            .problem(400);
        assert!(problem.to_string().contains(part), "{problem}");
    }
    let frequent = json!({ "type": "Other", "cronExpression": "* * * * * *", "enabled": true });
    assert_eq!(client.post("/jobs/recurring", frequent).await.status, 201);
    let problem = client
        .get("/jobs/recurring/upcoming?from=2040-01-01&to=2040-01-10")
        .await
        .problem(400);
    assert!(problem.to_string().contains("request a shorter one"), "{problem}");
}

#[tokio::test]
async fn due_times_to_come_are_counted_by_hour_and_queue_on_sqlite() {
    due_times_are_counted(Storage::Sqlite).await;
}

#[tokio::test]
async fn due_times_to_come_are_counted_by_hour_and_queue_on_postgresql() {
    due_times_are_counted(Storage::Postgres).await;
}
