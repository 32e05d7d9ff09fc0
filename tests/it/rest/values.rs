//! Every field of a job with every kind of invalid value: rejected with a pointer and the allowed values.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::client::Client;
use crate::harness::server::Server;

/// The typed fields of `POST /jobs` with values of other types and out of range, and the errors.
fn wrong_values() -> Vec<(&'static str, Value, &'static str)> {
    let text = |length: usize| json!("x".repeat(length));
    let mut wrong = vec![
        ("type", json!(""), "a job type must not be empty"),
        (
            "type",
            json!("a b"),
            "a job type contains ' '; allowed are letters, digits and",
        ),
        ("type", json!("a\0b"), "a job type contains '\\0'"),
        ("type", json!("a\u{1f600}"), "a job type contains '\u{1f600}'"),
        (
            "type",
            text(201),
            "a job type has 201 characters; at most 200 are allowed",
        ),
        ("name", json!(""), "a name must not be empty"),
        (
            "name",
            json!("a\nb"),
            "a name contains '\\n'; control, line separator, text direction, invisible and blank characters, and spaces other than U+0020, are not allowed",
        ),
        ("name", json!("\u{7f}"), "a name contains '\\u{7f}'"),
        ("name", json!("\u{85}"), "a name contains '\\u{85}'"),
        ("name", text(201), "a name has 201 characters"),
        ("queue", json!(""), "a queue's name must not be empty"),
        (
            "queue",
            json!("ä"),
            "a queue's name contains 'ä'; allowed are letters, digits, '-', '_', '.' and ':'",
        ),
        ("queue", json!("a/b"), "a queue's name contains '/'"),
        (
            "queue",
            text(101),
            "a queue's name has 101 characters; at most 100 are allowed",
        ),
        ("uniqueKey", json!(""), "a unique key must not be empty"),
        ("uniqueKey", json!("a\0"), "a unique key contains '\\0'"),
        ("uniqueKey", text(201), "a unique key has 201 characters"),
        (
            "priority",
            json!("urgent"),
            "expected low, normal, high or critical, or a number from 0 (low) to 3 (critical)",
        ),
        ("priority", json!(""), "expected low, normal, high or critical"),
        ("priority", json!("2"), "expected low, normal, high or critical"),
        ("priority", json!(-1), "invalid value: integer `-1`, expected low"),
        ("priority", json!(4), "invalid value: integer `4`, expected low"),
        (
            "priority",
            json!(u64::MAX),
            "invalid value: integer `18446744073709551615`",
        ),
        ("priority", json!(1.5), "invalid type: floating point `1.5`"),
        (
            "maxRetries",
            json!(-1),
            "invalid value: integer `-1`, expected a whole number from 0 to 1000",
        ),
        ("maxRetries", json!(1_001), "maxRetries is 1001; allowed are 0 to 1000"),
        (
            "maxRetries",
            json!(1_000_000_000),
            "maxRetries is 1000000000; allowed are 0 to 1000",
        ),
        (
            "maxRetries",
            json!(4_294_967_296_u64),
            "expected a whole number from 0 to 1000",
        ),
        ("maxRetries", json!(u64::MAX), "expected a whole number from 0 to 1000"),
        ("maxRetries", json!(i64::MIN), "expected a whole number from 0 to 1000"),
        ("maxRetries", json!(3.5), "invalid type: floating point `3.5`"),
        ("maxRetries", json!(1e300), "expected a whole number from 0 to 1000"),
        ("maxRetries", json!("3"), "invalid type: string \"3\""),
        (
            "runAt",
            json!(""),
            "'' is not a time; expected RFC 3339 with an offset, such as 2026-01-31T12:00:00Z",
        ),
        ("runAt", json!("tomorrow"), "'tomorrow' is not a time"),
        ("runAt", json!("2026-01-31"), "is not a time"),
        ("runAt", json!("2026-01-31T12:00:00"), "is not a time"),
        ("runAt", json!("2026-02-30T12:00:00Z"), "is not a time"),
        ("runAt", json!("2026-01-31T25:00:00Z"), "is not a time"),
        ("runAt", json!("-1000-01-31T12:00:00Z"), "is not a time"),
        ("runAt", json!("99999-01-31T12:00:00Z"), "is not a time"),
        ("runAt", json!("9999-12-31T23:59:59-00:01"), "is not a time"),
        ("retryIntervals", json!("00:00:01"), "invalid type: string"),
        (
            "retryIntervals",
            json!(["00:00:01", "00:00:01", "-00:00:01"]),
            "retryIntervals is -00:00:01; allowed is 00:00:00 to 3653.00:00:00",
        ),
        (
            "retryIntervals",
            json!(vec!["PT1S"; 101]),
            "retryIntervals has 101 entries; the maximum is 100",
        ),
        ("options", json!("x"), "invalid type: string"),
        ("options", json!(5), "expected an object"),
    ];
    for field in ["delay", "timeout", "retryDelay"] {
        wrong.extend([
            (
                field,
                json!(""),
                "'' is not a duration (it needs hours, minutes and seconds)",
            ),
            (field, json!("5"), "'5' is not a duration"),
            (
                field,
                json!("5 minutes"),
                "write [-][d.]hh:mm:ss[.fffffff], such as 00:05:00",
            ),
            (
                field,
                json!("24:00:00"),
                "hours are 00 to 23; write a day and more as d.hh:mm:ss, such as 1.00:00:00",
            ),
            (field, json!("00:60:00"), "minutes and seconds are 00 to 59"),
            (field, json!("P1Y"), "is not a duration"),
            (field, json!("P1M"), "is not a duration"),
            (field, json!("99999999999.00:00:00"), "is not a duration"),
            (field, json!("-00:00:00.1"), "is -00:00:00.1000000; allowed is"),
            (field, json!("3653.00:00:00.0000001"), "to 3653.00:00:00"),
            (
                field,
                json!(300),
                "invalid type: integer `300`, expected a duration such as \"00:05:00\", \"PT5M\" or \"5m\"",
            ),
            (
                field,
                json!({ "ticks": 3_000_000_000_u64 }),
                "invalid type: map, expected a duration",
            ),
        ]);
    }
    wrong.push((
        "timeout",
        json!("00:00:00"),
        "timeout is 00:00:00; allowed is more than 00:00:00 to 3653.00:00:00",
    ));
    for field in [
        "type",
        "name",
        "queue",
        "uniqueKey",
        "delay",
        "timeout",
        "retryDelay",
        "runAt",
        "priority",
        "maxRetries",
    ] {
        wrong.extend([
            (field, json!(true), "invalid type: boolean `true`"),
            (field, json!([]), "invalid type: sequence"),
        ]);
    }
    for field in ["type", "name", "queue", "uniqueKey", "runAt"] {
        wrong.extend([
            (field, json!(5), "invalid type: integer `5`"),
            (field, json!({}), "invalid type: map"),
        ]);
    }
    wrong
}

async fn refused(client: &Client, body: &Value) -> (String, String) {
    let problem = client.post("/jobs", body.clone()).await.problem(400);
    assert_eq!(
        problem["type"], "urn:tickerq:problem:validation",
        "{body} gives {problem}"
    );
    let error = &problem["errors"][0];
    let of = |name: &str| {
        error[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {problem}"))
            .to_owned()
    };
    assert_eq!(problem["detail"], of("detail"), "one mistake is the whole problem");
    (of("pointer"), of("detail"))
}

#[tokio::test]
async fn every_invalid_value_is_reported_with_the_allowed_ones() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for (field, value, expected) in wrong_values() {
        let mut top = json!({ "type": "Waits" });
        top[field] = value.clone();
        let mut nested = json!({ "options": { "type": "Waits" } });
        nested["options"][field] = value.clone();
        for (body, parent) in [(top, ""), (nested, "/options")] {
            if field == "options" && parent == "/options" {
                continue;
            }
            let (pointer, detail) = refused(&client, &body).await;
            assert_eq!(pointer, format!("#{parent}/{field}"), "{value} gives {detail}");
            assert!(detail.contains(expected), "{field} {value} gives {detail}");
        }
    }
    assert_eq!(client.get("/jobs").await.json()["totalCount"], 0);
}

#[tokio::test]
async fn values_within_a_list_are_named_by_their_place() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for (value, place) in [
        (json!([5]), 0),
        (json!(["PT1S", null]), 1),
        (json!(["PT1S", "PT2S", "1 s"]), 2),
        (json!(["PT1S", ["PT2S"]]), 1),
    ] {
        let (pointer, _) = refused(&client, &json!({ "type": "Waits", "retryIntervals": value })).await;
        assert_eq!(pointer, format!("#/retryIntervals/{place}"), "{value}");
    }
}

#[tokio::test]
async fn unknown_missing_and_repeated_fields_are_named() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    for (body, pointer, expected) in [
        (json!({}), "#/type", "type is missing; expected the name of a job type"),
        (json!({ "type": null, "options": null }), "#/type", "type is missing"),
        (
            json!({ "Type": "Waits" }),
            "#/Type",
            "unknown field `Type`, expected one of `type`, `name`, `queue`",
        ),
        (
            json!({ "type": "Waits", "max_retries": 1 }),
            "#/max_retries",
            "unknown field `max_retries`",
        ),
        (
            json!({ "type": "Waits", "options": { "retries": 1 } }),
            "#/options/retries",
            "unknown field `retries`",
        ),
        (json!({ "type": "Waits", "": 1 }), "#/", "unknown field ``"),
        (json!({ "type": "Waits", "id": "1" }), "#/id", "unknown field `id`"),
        (
            json!({ "type": "Waits", "delay": "PT1S", "runAt": "2030-01-01T00:00:00Z" }),
            "#/runAt",
            "delay and runAt are mutually exclusive",
        ),
        (
            json!({ "type": "Waits", "delay": "PT1S", "options": { "runAt": "2030-01-01T00:00:00Z" } }),
            "#/runAt",
            "delay and runAt are mutually exclusive",
        ),
    ] {
        let (found, detail) = refused(&client, &body).await;
        assert_eq!(found, pointer, "{body} gives {detail}");
        assert!(detail.contains(expected), "{body} gives {detail}");
    }
    for (body, pointer) in [
        (r#"{"type": "A", "type": "A"}"#, "#/type"),
        (r#"{"type": "A", "delay": "PT1S", "delay": null}"#, "#/delay"),
        (
            r#"{"type": "A", "options": {"queue": "a", "queue": "a"}}"#,
            "#/options/queue",
        ),
    ] {
        let request = client
            .request(reqwest::Method::POST, "/jobs")
            .header("content-type", "application/json")
            .body(body);
        let problem = client.send(request).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body} gives {problem}");
    }
    let long = "x".repeat(100_000);
    let problem = client
        .post("/jobs", json!({ "type": "Waits", long.as_str(): long }))
        .await
        .problem(400);
    assert!(
        problem.to_string().len() < 2_000,
        "the response does not repeat the whole value"
    );
}

#[tokio::test]
async fn null_is_absent_and_the_longest_values_are_accepted() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let nulls = json!({
        "type": "Waits", "name": null, "queue": null, "parameters": null, "priority": null, "delay": null, "runAt": null,
        "maxRetries": null, "timeout": null, "retryDelay": null, "retryIntervals": null, "uniqueKey": null,
        "cronExpression": null, "timeZone": null, "options": null
    });
    let plain = client.create(json!({ "type": "Waits" })).await;
    let mut job = client.create(nulls).await;
    for name in ["id", "jobId", "createdAt", "runAt"] {
        job[name] = plain[name].clone();
    }
    assert_eq!(job, plain);
    let longest = json!({
        "type": "ä".repeat(200), "name": "\u{1f600}".repeat(200), "queue": "q".repeat(100), "uniqueKey": "№".repeat(200),
        "maxRetries": 1_000, "delay": "3653.00:00:00", "timeout": "3653.00:00:00", "retryDelay": "3653.00:00:00",
        "retryIntervals": vec!["3653.00:00:00"; 100], "priority": 3
    });
    let job = client.create(longest.clone()).await;
    for name in [
        "type",
        "name",
        "queue",
        "uniqueKey",
        "maxRetries",
        "timeout",
        "retryDelay",
        "retryIntervals",
    ] {
        assert_eq!(job[name], longest[name], "{name}");
    }
    assert_eq!(client.job(job["id"].as_str().expect("an id")).await, job);
    let shortest = json!({
        "type": "a", "name": " ", "queue": "-", "uniqueKey": "'", "maxRetries": 0, "delay": "00:00:00", "retryDelay": "0:00:00",
        "timeout": "00:00:00.000001", "retryIntervals": ["PT0S"], "priority": 0
    });
    let job = client.create(shortest).await;
    assert_eq!(
        (&job["timeout"], &job["retryIntervals"]),
        (&json!("00:00:00.0000010"), &json!(["00:00:00"]))
    );
    for (given, becomes) in [
        ("2999-12-31T23:59:59.123456789Z", "2999-12-31T23:59:59.123456Z"),
        ("2999-01-01T00:30:00.5+01:00", "2998-12-31T23:30:00.500Z"),
        ("2999-01-01t00:00:00z", "2999-01-01T00:00:00Z"),
    ] {
        let job = client.create(json!({ "type": "Waits", "runAt": given })).await;
        assert_eq!(job["runAt"], becomes, "{given}");
    }
}

#[tokio::test]
async fn an_array_is_rejected_wherever_an_object_is_expected() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let worker = json!({ "name": "w", "types": ["A"] });
    let worker = client.post("/workers", worker).await.json()["id"].clone();
    let worker = format!("/workers/{}", worker.as_str().expect("an id"));
    let held = json!({ "jobId": "01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55", "leaseToken": "x" });
    for (path, body, pointer) in [
        (
            "/webhooks/endpoints",
            json!({ "url": "https://example.com", "events": ["*"], "retryPolicy": [7, "00:00:09"] }),
            "#/retryPolicy",
        ),
        ("/jobs", json!({ "type": "A", "options": ["B"] }), "#/options"),
        ("/jobs/batch", json!({ "jobs": [["A"]] }), "#/jobs/0"),
        ("/jobs/batch", json!([["A"]]), "#/0"),
        (
            &*format!("{worker}/heartbeat"),
            json!({ "jobs": [["x", "y"]] }),
            "#/jobs/0",
        ),
        (
            &*format!("{worker}/complete"),
            json!({ "jobs": [held.as_object().expect("fields").values().collect::<Vec<_>>()] }),
            "#/jobs/0",
        ),
        (&*format!("{worker}/fail"), json!({ "jobs": [[]] }), "#/jobs/0"),
        ("/workers", json!(["w", ["A"]]), ""),
        ("/queues/default/clear", json!([true, true]), ""),
    ] {
        let response = client.post(path, body.clone()).await;
        let problem = response.problem(400);
        if !pointer.is_empty() {
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{path} {body}: {problem}");
        }
    }
}

#[tokio::test]
async fn a_number_without_a_fraction_is_an_integer_wherever_one_is_expected() {
    let (_site, server) = Server::with_config("");
    let client = server.client();
    let send = |path: String, body: String| {
        let client = client.clone();
        async move {
            let request = client
                .request(Method::POST, &path)
                .header("content-type", "application/json");
            client.send(request.body(body)).await
        }
    };
    for (text, expected) in [
        ("3.0", 3),
        ("3e0", 3),
        ("30E-1", 3),
        ("-0.0", 0),
        ("0.0", 0),
        ("1e3", 1_000),
    ] {
        let body = format!(r#"{{"type":"A","maxRetries":{text},"priority":1.0}}"#);
        let response = send("/jobs".to_owned(), body).await;
        assert_eq!(response.status, StatusCode::CREATED, "{text}: {}", response.text);
        assert_eq!(
            (&response.json()["maxRetries"], &response.json()["priority"]),
            (&json!(expected), &json!("normal"))
        );
    }
    let recurring =
        r#"{"type":"A","cronExpression":"0 2 * * *","misfirePolicy":"catch_up","catchUpMax":7.0,"maxRetries":2.0}"#;
    let response = send("/jobs/recurring".to_owned(), recurring.to_owned()).await;
    assert_eq!(
        (&response.json()["catchUpMax"], &response.json()["maxRetries"]),
        (&json!(7), &json!(2)),
        "{}",
        response.text
    );
    let endpoint = r#"{"url":"https://example.com","events":["*"],"retryPolicy":{"maxRetries":4.0}}"#;
    let response = send("/webhooks/endpoints".to_owned(), endpoint.to_owned()).await;
    assert_eq!(response.json()["retryPolicy"]["maxRetries"], 4, "{}", response.text);
    let response = send(
        "/workers".to_owned(),
        r#"{"name":"w","types":["A"],"concurrency":5.0}"#.to_owned(),
    )
    .await;
    assert_eq!(response.json()["concurrency"], 5, "{}", response.text);
    let lease = format!("/workers/{}/lease", response.json()["id"].as_str().expect("an id"));
    let response = send(lease.clone(), r#"{"max":2.0}"#.to_owned()).await;
    assert_eq!(response.status, StatusCode::OK, "{}", response.text);
    for (path, body, pointer) in [
        ("/jobs", r#"{"type":"A","maxRetries":3.5}"#, "#/maxRetries"),
        ("/jobs", r#"{"type":"A","maxRetries":-1.0}"#, "#/maxRetries"),
        ("/jobs", r#"{"type":"A","maxRetries":1e10}"#, "#/maxRetries"),
        ("/jobs", r#"{"type":"A","maxRetries":"3"}"#, "#/maxRetries"),
        ("/jobs", r#"{"type":"A","priority":1.5}"#, "#/priority"),
        (
            "/workers",
            r#"{"name":"w","types":["A"],"concurrency":5.5}"#,
            "#/concurrency",
        ),
        (&lease, r#"{"max":1.5}"#, "#/max"),
    ] {
        let problem = send(path.to_owned(), body.to_owned()).await.problem(400);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
}
