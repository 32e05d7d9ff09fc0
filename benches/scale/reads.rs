//! The measured reads.

use chrono::{TimeDelta, Utc};

use crate::rows::Shape;

/// A read: its name, and the head of its request.
pub(crate) type Read = (&'static str, String);

/// The reads of a server of this shape.
pub(crate) fn all(jobs: u64, shape: Shape) -> Vec<Read> {
    match shape {
        Shape::Narrow => narrow(jobs),
        Shape::Wide(_, types) => wide(types),
    }
}

fn day(ago: i64) -> String {
    (Utc::now() - TimeDelta::days(ago)).format("%Y-%m-%d").to_string()
}

fn of(path: &str) -> String {
    format!("GET /api/tickerq{path}")
}

/// The reads of a server with many queues and types.
fn wide(types: u64) -> Vec<Read> {
    let (month, today) = (day(29), day(0));
    let many: Vec<String> = (0..types.min(100)).map(|number| format!("Type{number}")).collect();
    let many = many.join(",");
    let list = |filter: &str| of(&format!("/jobs?limit=50&{filter}"));
    let performance = |filter: &str| of(&format!("/metrics/performance?from={month}&to={today}{filter}"));
    let job_types = |filter: &str| of(&format!("/metrics/job-types?from={month}&to={today}{filter}"));
    vec![
        ("numbers of the system", of("/metrics/system")),
        ("performance, 30 days", performance("")),
        ("performance, 30 days, a queue", performance("&queue=queue-7")),
        ("performance, 30 days, a type", performance("&type=Type7")),
        ("performance, 30 days, 100 types", performance(&format!("&type={many}"))),
        ("job types, 30 days", job_types("")),
        ("job types, 30 days, a queue", job_types("&queue=queue-7")),
        ("job types, today", of("/metrics/job-types")),
        ("queues", of("/queues")),
        ("list, first page", list("")),
        ("failed", list("status=failed")),
        ("a queue", list("queue=queue-7")),
        ("a type", list("type=Type7")),
        ("a queue and a type", list("queue=queue-7&type=Type7")),
        ("a priority", list("priority=high")),
        ("a queue and a priority", list("queue=queue-7&priority=high")),
        ("a queue and failed", list("queue=queue-7&status=failed")),
        ("a queue and completed", list("queue=queue-7&status=completed")),
        ("a queue and pending", list("queue=queue-7&status=pending")),
        ("a type and failed", list("type=Type7&status=failed")),
        ("failed with a high priority", list("status=failed&priority=high")),
        (
            "normal priority, 20 days",
            list(&format!("priority=normal&from={}&to={today}", day(20))),
        ),
        ("a search by id", list("search=01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55")),
        ("a common word", list("search=invoice")),
        ("a rare word", list("search=needle")),
    ]
}

/// The reads of eight dashboards, which repeat them while others are measured.
pub(crate) fn dashboards() -> Vec<String> {
    let read = wide(500);
    let names = [
        "job types, 30 days",
        "performance, 30 days, a queue",
        "job types, 30 days",
        "performance, 30 days, 100 types",
        "job types, 30 days",
        "a queue and failed",
        "job types, 30 days, a queue",
        "queues",
    ];
    let head = |name: &str| {
        read.iter()
            .find(|(known, _)| *known == name)
            .map(|(_, head)| head.clone())
    };
    names.into_iter().filter_map(head).collect()
}

/// The reads of a server with a few queues and types.
fn narrow(jobs: u64) -> Vec<Read> {
    let (from, to) = (day(8), day(7));
    let month_ago = day(30);
    let far = jobs / 2;
    // No job has this id, but a version 7 id has a time.
    let middle = (Utc::now() - TimeDelta::days(15)).timestamp_millis();
    let middle = format!("{:08x}-{:04x}-7000-8000-000000000000", middle >> 16, middle & 0xffff);
    let list = |filter: &str| of(&format!("/jobs?limit=50&{filter}"));
    vec![
        ("numbers of the system", of("/metrics/system")),
        (
            "performance, a day",
            of(&format!("/metrics/performance?from={to}&to={to}")),
        ),
        (
            "performance, a month",
            of(&format!("/metrics/performance?from={month_ago}&to={to}")),
        ),
        ("types of jobs", of("/metrics/job-types")),
        ("queues", of("/queues")),
        ("list, first page", list("")),
        ("list, half of all passed over", list(&format!("offset={far}"))),
        ("list, behind the job of that place", list(&format!("after={middle}"))),
        ("completed", list("status=completed")),
        ("failed", list("status=failed")),
        ("pending", list("status=pending")),
        ("failed and cancelled", list("status=failed,cancelled")),
        ("a type", list("type=MailJob")),
        ("a rare type", list("type=RareJob")),
        ("a queue", list("queue=mail")),
        ("a rare queue", list("queue=rare")),
        ("a priority", list("priority=high")),
        ("status and queue", list("status=failed&queue=mail")),
        (
            "status, queue and type",
            list("status=completed&queue=reports&type=ReportJob"),
        ),
        ("a day", list(&format!("from={from}&to={to}"))),
        (
            "a day and a status",
            list(&format!("from={from}&to={to}&status=failed")),
        ),
        ("a common word", list("search=invoice")),
        ("a rare word", list("search=needle")),
    ]
}
