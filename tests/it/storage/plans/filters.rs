//! Filters of lists of jobs.

use tickerq::domain::filter::Condition;
use tickerq::domain::job::priority::Priority;
use tickerq::domain::job::status::JobStatus;
use tickerq::domain::metrics::fingerprint::Fingerprint;
use tickerq::storage::query::JobFilter;

use super::samples::{created, queue, statuses, types};
use super::verdict::Access;

/// Filters in use: their names, and the index that finds the fewest jobs for them; `None` for the
/// primary key.
pub fn filters() -> Vec<(&'static str, Option<&'static str>, JobFilter)> {
    use JobStatus::{Cancelled, Completed, Failed, Pending, Running};
    const STATUS: Option<&str> = Some("jobs_by_status");
    const JOB_TYPE: Option<&str> = Some("jobs_by_type");
    const QUEUE: Option<&str> = Some("jobs_by_queue");
    const PRIORITY: Option<&str> = Some("jobs_by_priority");
    const ENDED_BY_QUEUE: Option<&str> = Some("jobs_ended_by_queue");
    const ENDED_BY_TYPE: Option<&str> = Some("jobs_ended_by_type");
    const FINGERPRINT: Option<&str> = Some("jobs_by_fingerprint");
    const QUEUE_AND_PRIORITY: Option<&str> = Some("jobs_by_queue_and_priority");
    let all = JobFilter::default;
    let of_types = |names: &[&str], filter: JobFilter| filter.with_types(&types(names));
    let of_queue = |name: &str, filter: JobFilter| filter.with_queue(&queue(name));
    let of_priority = |priority, filter: JobFilter| filter.with_priority(priority);
    let of_some_days = |filter: JobFilter| filter.with_created(Some(created(20_000)), Some(created(30_000)));
    let of_fingerprint = |filter: JobFilter| filter.with(Condition::Fingerprint(vec![Some(Fingerprint::from_code(1))]));
    vec![
        ("a fingerprint", FINGERPRINT, of_fingerprint(all())),
        (
            "failed of a queue with a fingerprint",
            FINGERPRINT,
            of_fingerprint(of_queue("mail", statuses(&[Failed]))),
        ),
        ("nothing", None, all()),
        ("completed", STATUS, statuses(&[Completed])),
        ("failed", STATUS, statuses(&[Failed])),
        ("running", STATUS, statuses(&[Running])),
        ("failed and cancelled", STATUS, statuses(&[Failed, Cancelled])),
        (
            "all statuses",
            None,
            statuses(&[Pending, Running, Completed, Failed, Cancelled]),
        ),
        ("a type", JOB_TYPE, of_types(&["MailJob"], all())),
        ("a rare type", JOB_TYPE, of_types(&["RareJob"], all())),
        ("an unknown type", JOB_TYPE, of_types(&["Unheard"], all())),
        ("two types", JOB_TYPE, of_types(&["MailJob", "RareJob"], all())),
        ("a queue", QUEUE, of_queue("mail", all())),
        ("a rare queue", QUEUE, of_queue("rare", all())),
        ("an unknown queue", QUEUE, of_queue("nowhere", all())),
        ("normal priority", None, of_priority(Priority::Normal, all())),
        ("critical priority", PRIORITY, of_priority(Priority::Critical, all())),
        (
            "failed of a queue",
            ENDED_BY_QUEUE,
            of_queue("mail", statuses(&[Failed])),
        ),
        (
            "failed and cancelled of a queue",
            ENDED_BY_QUEUE,
            of_queue("mail", statuses(&[Failed, Cancelled])),
        ),
        (
            "failed of two types",
            ENDED_BY_TYPE,
            of_types(&["MailJob", "RareJob"], statuses(&[Failed])),
        ),
        (
            "a queue and a priority",
            QUEUE_AND_PRIORITY,
            of_priority(Priority::Low, of_queue("default", all())),
        ),
        (
            "failed of a queue on some days",
            ENDED_BY_QUEUE,
            of_some_days(of_queue("mail", statuses(&[Failed]))),
        ),
        ("no job", None, of_queue("nowhere", statuses(&[Completed]))),
        ("status and rare queue", QUEUE, of_queue("rare", statuses(&[Completed]))),
        (
            "status and type",
            JOB_TYPE,
            of_types(&["ReportJob"], statuses(&[Completed])),
        ),
        (
            "status, queue and type",
            QUEUE,
            of_queue("reports", of_types(&["ReportJob"], statuses(&[Completed]))),
        ),
        (
            "statuses, queue and types",
            ENDED_BY_QUEUE,
            of_queue(
                "default",
                of_types(&["MailJob", "ReportJob"], statuses(&[Failed, Cancelled])),
            ),
        ),
        (
            "status, queue, type and priority",
            QUEUE_AND_PRIORITY,
            of_priority(
                Priority::High,
                of_queue("reports", of_types(&["MailJob"], statuses(&[Completed]))),
            ),
        ),
        ("some days", None, of_some_days(all())),
        ("failed on some days", STATUS, of_some_days(statuses(&[Failed]))),
        ("a queue on some days", QUEUE, of_some_days(of_queue("mail", all()))),
    ]
}

/// Searches, and the access that each permits.
pub fn searches() -> Vec<(&'static str, Access, JobFilter)> {
    let search = |text: &str, filter: JobFilter| filter.with_search(text);
    let all = JobFilter::default;
    vec![
        ("a search", Access::Ordered(None, 100), search("job 9", all())),
        // The id of the 10,000th job, and its first digits.
        (
            "a search by id",
            Access::Lookup,
            search("018bcff4-aa40-7000-8000-000000002710", all()),
        ),
        (
            "a search by the start of an id",
            Access::Lookup,
            search("018bcff4-aa", statuses(&[JobStatus::Completed])),
        ),
        // Only a scan of every name finds it.
        (
            "a search that finds nothing",
            Access::Scan,
            search("nothing at all", all()),
        ),
        (
            "a search among failed jobs",
            Access::Ordered(Some("jobs_by_status"), 100),
            search("job 9", statuses(&[JobStatus::Failed])),
        ),
    ]
}
