//! Everything that storage is ever asked, once or twice each.

use std::sync::Arc;

use tickerq::domain::access::audit::AuditAction;
use tickerq::domain::job::status::JobStatus;
use tickerq::domain::metrics::rollup::{TimeBucket, TimeBucketRange};
use tickerq::domain::values::id::JobId;
use tickerq::storage::query::{AuditFilter, AuditPage, JobText, RollupFilter, StoredTexts};
use tickerq::storage::repository::{ClusterStore, JobStore, MetricsStore};

use super::filters::{filters, searches};
use super::samples::{FIRST, NODE, OLDEST, behind, now, passing, some_jobs, statuses};
use super::verdict::Look;
use super::{Probe, recurring, webhooks};

/// Asks for all that can be read.
pub async fn read(probe: &Probe) {
    let storage = &probe.repository;
    let some = some_jobs(probe, &statuses(&[JobStatus::Completed]), 60).await;
    let ids: Vec<JobId> = some.iter().map(|job| job.id).collect();
    probe.of("one job", Look::Up, storage.job(ids[0])).await;
    probe.of("jobs by id", Look::Up, storage.jobs_by_id(&ids)).await;
    probe.of("jobs in brief", Look::Up, storage.jobs_in_brief(&ids)).await;
    let text = JobText::Parameters;
    probe.of("texts of jobs", Look::Up, storage.job_texts(text, &ids)).await;
    let size = storage.size_of(StoredTexts::OfJobs(text, &ids));
    probe.of("the size of texts of jobs", Look::Up, size).await;
    probe.of("attempts", Look::Up, storage.attempts(ids[0])).await;
    probe.of("attempts of jobs", Look::Up, storage.attempts_of(&ids)).await;
    for (name, index, filter) in filters() {
        for (part, page) in [
            ("first page of", FIRST),
            ("page from the oldest of", OLDEST),
            ("page behind a job of", behind(50_000)),
            ("deep page of", passing(20_000)),
        ] {
            let look = Look::Walk(index, page.offset + u64::from(page.limit));
            probe
                .of(&format!("{part} {name}"), look, storage.jobs(&filter, page))
                .await;
        }
        // What is of a time is counted one by one.
        let look = if filter.created_from.is_some() {
            Look::All
        } else {
            Look::Up
        };
        probe
            .of(&format!("count of {name}"), look, storage.count(&filter))
            .await;
    }
    for (name, look, filter) in searches() {
        probe
            .of(&format!("first page of {name}"), look, storage.jobs(&filter, FIRST))
            .await;
        // Counted one by one, and looked at to be counted.
        probe
            .of(&format!("count of {name}"), Look::Through, storage.count(&filter))
            .await;
    }
    probe.of("queues", Look::Up, storage.queues(now())).await;
    let of_all = RollupFilter::default();
    let of_one = RollupFilter {
        queue: Some(some[0].queue.clone()),
        job_types: vec![some[0].job_type.clone()],
    };
    let days: Vec<TimeBucketRange> = (0..7)
        .map(|day| TimeBucketRange {
            from: TimeBucket(TimeBucket::of(now()).0 - 96 * (day + 1)),
            to: TimeBucket(TimeBucket::of(now()).0 - 96 * day),
        })
        .collect();
    for filter in [&of_all, &of_one] {
        probe.of("sums of days", Look::Up, storage.rollups(filter, &days)).await;
        probe
            .of("the busiest hour", Look::Up, storage.busiest_hour(filter, days[0]))
            .await;
        probe
            .of("durations", Look::Up, storage.durations(filter, days[0]))
            .await;
        probe
            .of("sums of types", Look::Up, storage.type_rollups(filter, days[0]))
            .await;
    }
    probe.of("next due", Look::Up, storage.next_due(now())).await;
    probe
        .of("reckoned after", Look::Up, storage.reckoned_after(now(), 200))
        .await;
    probe.of("due types", Look::Up, storage.due_types(now())).await;
    probe
        .of("pending jobs by type", Look::Up, storage.pending_by_type())
        .await;
    probe.of("maintenance", Look::Up, storage.maintain()).await;
    webhooks::read(probe).await;
    probe.of("orphans", Look::Up, storage.orphans(NODE, 100)).await;
    probe.of("running on", Look::Up, storage.running_on(NODE)).await;
    recurring::read(probe).await;
    probe.of("nodes", Look::Up, storage.nodes()).await;
    let records = AuditPage {
        limit: 100,
        after: None,
    };
    let of_actor = AuditFilter {
        actor: Some(Arc::from("an-actor")),
        ..AuditFilter::default()
    };
    let of_a_job = AuditFilter {
        job_id: Some(ids[0]),
        ..AuditFilter::default()
    };
    let of_an_action = AuditFilter {
        action: Some(AuditAction::JobCancel),
        ..AuditFilter::default()
    };
    for (name, index, filter) in [
        ("nothing", None, AuditFilter::default()),
        ("an actor", Some("audit_records_by_actor"), of_actor),
        ("a job", Some("audit_records_by_job"), of_a_job),
        ("an action", Some("audit_records_by_action"), of_an_action),
    ] {
        probe
            .of(
                &format!("records of {name}"),
                Look::Walk(index, 100),
                storage.audit(&filter, records),
            )
            .await;
    }
}
