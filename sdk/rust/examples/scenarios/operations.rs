//! The change feed, webhook endpoints, and what jobs carry unchanged.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tickerq_client::domain::job::status::JobStatus;
use tickerq_client::domain::values::id::JobId;
use tickerq_client::domain::values::time_span::TimeSpan;
use tickerq_client::{
    Client, Error, Job, Json, NewJob, Operation, WebhookDelivery, WebhookEndpointOptions, WebhookEndpointUpdate,
    WebhookRetryPolicyRequest,
};

const POLL: Duration = Duration::from_millis(20);

/// Waits until an operation has completed.
async fn completed(client: &Client, id: &str) -> Operation {
    for _ in 0..3_000 {
        let operation = client.operation(id).await.expect("an operation");
        if operation.status == "completed" {
            return operation;
        }
        tokio::time::sleep(POLL).await;
    }
    panic!("operation {id} has not completed within a minute");
}

pub(crate) async fn bulk_operations(client: &Client) {
    for _ in 0..2 {
        client.schedule(NewJob::of_type("BulkJob")).await.expect("a job");
    }
    let spec = json!({ "queue": "moved" });
    let moving = client.preview_operation("move", "type:BulkJob", spec).await;
    let moving = moving.expect("a preview");
    assert_eq!(moving.total, 2);
    let hour = TimeSpan::from_secs(3_600);
    let moved = client.start_operation(&moving.token, Some(hour), Some("to the slow queue"));
    let moved = moved.await.expect("started").id;
    assert_eq!(client.pause_operation(&moved).await.expect("paused").status, "paused");
    assert_eq!(
        client.resume_operation(&moved).await.expect("resumed").status,
        "pending"
    );
    assert_eq!(
        client.cancel_operation(&moved).await.expect("cancelled").status,
        "cancelled"
    );
    let cancelling = client.preview_operation("cancel", "type:BulkJob", json!({})).await;
    let cancelling = cancelling.expect("a preview");
    assert!(cancelling.is_exact && cancelling.is_split_exact);
    let cancelled = client.start_operation(&cancelling.token, None, None);
    let cancelled = cancelled.await.expect("started").id;
    assert_eq!(completed(client, &cancelled).await.done, 2);
    let undone = client.undo_operation(&cancelled).await.expect("an undo").id;
    assert_eq!(completed(client, &undone).await.undoes, Some(cancelled));
    let listed = client
        .operations(vec![("limit", "1".to_owned())])
        .await
        .expect("operations");
    assert_eq!(listed.operations[0].id, undone);
    println!("ok bulk operations");
}

pub(crate) async fn changes(client: &Client) {
    let cursor = client.job_changes(None, Some(1_000)).await.expect("changes").cursor;
    let job = client.schedule(NewJob::of_type("OtherJob")).await.expect("a job");
    loop {
        let changes = client.job_changes(Some(&cursor), None).await.expect("changes").changes;
        if changes.iter().any(|change| change.id == job.id && !change.deleted) {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    println!("ok changes");
}

pub(crate) async fn webhook_endpoints(client: &Client, url: &str) {
    // The server's own address accepts no webhooks: each delivery fails.
    let options = WebhookEndpointOptions {
        name: Some("scenario".to_owned()),
        events: Some(vec!["job.completed".to_owned()]),
        retry_policy: Some(WebhookRetryPolicyRequest {
            max_retries: Some(0),
            retry_delay: Some(TimeSpan::from_secs(1)),
        }),
        ..WebhookEndpointOptions::default()
    };
    let made = client.create_webhook_endpoint(&format!("{url}/none"), &options).await;
    let made = made.expect("an endpoint");
    let id = made.id.as_str();
    assert_eq!(made.retry_policy.retry_delay, TimeSpan::from_secs(1));
    let all = client.webhook_endpoints().await.expect("endpoints");
    assert!(all.iter().any(|endpoint| endpoint.id == id));
    assert_eq!(client.webhook_endpoint(id).await.expect("it").name, "scenario");
    let changes = WebhookEndpointUpdate {
        name: Some("Renamed".to_owned()),
        ..WebhookEndpointUpdate::default()
    };
    let change = || client.update_webhook_endpoint(id, &changes, Some(made.revision));
    assert_eq!(change().await.expect("a change").name, "Renamed");
    let refused = change().await;
    assert!(matches!(refused, Err(Error::PreconditionFailed(_))), "{refused:?}");
    assert!(
        !client
            .enable_webhook_endpoint(id, false)
            .await
            .expect("disabled")
            .enabled
    );
    assert!(client.enable_webhook_endpoint(id, true).await.expect("enabled").enabled);
    let rotated = client.rotate_webhook_secret(id, Some(TimeSpan::from_secs(3_600))).await;
    assert_ne!(rotated.expect("a secret").secret, made.secret);
    let test = client.test_webhook_endpoint(id).await.expect("a test").webhook_id;
    let failed = failed_delivery(client, id, &test).await;
    assert_eq!(client.webhook_delivery(&failed.id).await.expect("it").webhook_id, test);
    assert_eq!(
        client.redeliver_webhook(&failed.id).await.expect("again").endpoint_id,
        id
    );
    let since = failed.timestamp - TimeDelta::minutes(1);
    client.redeliver_failed_webhooks(id, since).await.expect("a number");
    client.delete_webhook_endpoint(id).await.expect("deleted");
    let gone = client.webhook_endpoint(id).await;
    assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    println!("ok webhook endpoints");
}

async fn failed_delivery(client: &Client, endpoint: &str, webhook_id: &str) -> WebhookDelivery {
    loop {
        let filter = vec![("status", "failed".to_owned())];
        let page = client.webhook_deliveries(endpoint, filter).await.expect("deliveries");
        let mut failed = page.deliveries.into_iter();
        if let Some(delivery) = failed.find(|delivery| delivery.webhook_id == webhook_id) {
            return delivery;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// A handler has requested a delay of 1.5 s.
pub(crate) async fn retried_later(client: &Client, id: JobId) {
    let waiting: Job = loop {
        let job = client.job(id).await.expect("a job");
        if (job.status, job.attempt) == (JobStatus::Pending, 1) {
            break job;
        }
        tokio::time::sleep(POLL).await;
    };
    let ended = waiting.execution_history[0].completed_at.expect("its end");
    let wait = waiting.run_at - ended;
    assert!((wait.num_milliseconds() - 1_500).abs() <= 5, "it retries after {wait}");
}

/// JSON that `serde_json::Value` has no place for, or would change.
const VERBATIM: [&str; 4] = [
    r#"{"s":"\ud83d"}"#,
    "1e400",
    "18446744073709551616",
    r#"{"b":1.0,"a":-0}"#,
];

/// A job whose handler returns its parameters, and logs their text: they arrive byte for byte.
pub(crate) async fn verbatim(client: &Client) {
    let new = |text: &str| {
        let parameters: Json = serde_json::from_str(text).expect(text);
        NewJob::of_type("Verbatim").queue("work").parameters(&parameters)
    };
    let one_by_one = client.schedule(new(VERBATIM[0])).await.expect("a job").id;
    let others: Vec<NewJob> = VERBATIM[1..].iter().map(|text| new(text)).collect();
    let others = client.schedule_all(&others).await.expect("jobs").jobs;
    let ids = std::iter::once(one_by_one).chain(others.iter().map(|job| job.id));
    for (id, text) in ids.zip(VERBATIM) {
        let done = client.wait_for_job(id).await.expect("its end");
        assert_eq!((done.status, done.parameters.as_str()), (JobStatus::Completed, text));
        assert_eq!(
            (done.log[0].message.as_str(), done.result.unwrap_or_default().as_str()),
            (text, text)
        );
    }
    println!("ok JSON byte for byte");
}

/// A handler receives the place of its job in a trace.
pub(crate) async fn traced(client: &Client, url: &str, key: &str) {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = http
        .post(format!("{url}/api/tickerq/jobs"))
        .bearer_auth(key)
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header("tracestate", "rojo=00f067aa0ba902b7")
        .header("baggage", "userId=alice")
        .json(&json!({ "type": "Traced", "queue": "work" }));
    let job: Job = request.send().await.expect("a response").json().await.expect("a job");
    let done = client.wait_for_job(job.id).await.expect("its end");
    assert_eq!(
        done.result.unwrap_or_default(),
        json!([
            "00-4bf92f3577b34da6a3ce929d0e0e4736",
            "rojo=00f067aa0ba902b7",
            "userId=alice"
        ])
    );
    println!("ok traces");
}
