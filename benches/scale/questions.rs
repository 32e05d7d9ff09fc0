//! The measured reads.

use chrono::{TimeDelta, Utc};

/// Name and path of each read.
pub(crate) fn all(jobs: u64) -> Vec<(&'static str, String)> {
    let day = |ago: i64| (Utc::now() - TimeDelta::days(ago)).format("%Y-%m-%d").to_string();
    let (from, to) = (day(8), day(7));
    let month_ago = day(30);
    let far = jobs / 2;
    // No job has this id, but a version 7 id has a time.
    let middle = (Utc::now() - TimeDelta::days(15)).timestamp_millis();
    let middle = format!("{:08x}-{:04x}-7000-8000-000000000000", middle >> 16, middle & 0xffff);
    let of = |path: String| format!("GET /api/tickerq{path}");
    let list = |filter: &str| of(format!("/jobs?limit=50&{filter}"));
    vec![
        ("numbers of the system", of("/metrics/system".to_owned())),
        (
            "performance, a day",
            of(format!("/metrics/performance?from={to}&to={to}")),
        ),
        (
            "performance, a month",
            of(format!("/metrics/performance?from={month_ago}&to={to}")),
        ),
        ("types of jobs", of("/metrics/job-types".to_owned())),
        ("queues", of("/queues".to_owned())),
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
