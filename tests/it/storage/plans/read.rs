//! All reads of storage, once or twice each.

use std::sync::Arc;

use tickerq::domain::access::audit::AuditAction;
use tickerq::domain::filter::{Condition, Term};
use tickerq::domain::job::status::JobStatus;
use tickerq::domain::metrics::activity::Slice;
use tickerq::domain::metrics::activity_series::SeriesPoints;
use tickerq::domain::metrics::rollup::{TimeBucket, TimeBucketRange};
use tickerq::domain::values::id::JobId;
use tickerq::storage::query::{
    AuditFilter, AuditPage, JobSort, JobText, RollupFilter, SortField, SortedPage, StoredTexts,
};
use tickerq::storage::repository::{ClusterStore, JobStore, MetricsStore};

use super::filters::{filters, searches};
use super::samples::{FIRST, NODE, OLDEST, behind, now, passing, queue, some_jobs, statuses};
use super::verdict::Access;
use super::{Probe, recurring, webhooks};

/// Executes all reads.
pub async fn read(probe: &Probe) {
    let storage = &probe.repository;
    let some = some_jobs(probe, &statuses(&[JobStatus::Completed]), 60).await;
    let ids: Vec<JobId> = some.iter().map(|job| job.id).collect();
    probe.of("one job", Access::Lookup, storage.job(ids[0])).await;
    probe.of("jobs by id", Access::Lookup, storage.jobs_by_id(&ids)).await;
    probe
        .of("jobs in brief", Access::Lookup, storage.jobs_in_brief(&ids))
        .await;
    let text = JobText::Parameters;
    probe
        .of("texts of jobs", Access::Lookup, storage.job_texts(text, &ids))
        .await;
    let size = storage.size_of(StoredTexts::OfJobs(text, &ids));
    probe.of("the size of texts of jobs", Access::Lookup, size).await;
    probe.of("attempts", Access::Lookup, storage.attempts(ids[0])).await;
    probe
        .of("attempts of jobs", Access::Lookup, storage.attempts_of(&ids))
        .await;
    for (name, index, filter) in filters() {
        for (part, page) in [
            ("first page of", FIRST),
            ("page from the oldest of", OLDEST),
            ("page behind a job of", behind(50_000)),
            ("deep page of", passing(20_000)),
        ] {
            let access = Access::Ordered(index, page.offset + u64::from(page.limit));
            probe
                .of(&format!("{part} {name}"), access, storage.jobs(&filter, page))
                .await;
        }
        // Jobs in a time range or with a fingerprint are counted row by row.
        let is_uncounted = |term: &Term| matches!(term.condition, Condition::Time(_, _) | Condition::Fingerprint(_));
        let access = if filter.terms().iter().any(is_uncounted) {
            Access::Matching
        } else {
            Access::Lookup
        };
        probe
            .of(&format!("count of {name}"), access, storage.count(&filter))
            .await;
    }
    for (name, access, filter) in searches() {
        probe
            .of(&format!("first page of {name}"), access, storage.jobs(&filter, FIRST))
            .await;
        // Counted row by row.
        probe
            .of(&format!("count of {name}"), Access::Scan, storage.count(&filter))
            .await;
    }
    sorted(probe).await;
    probe.of("queues", Access::Lookup, storage.queues(now())).await;
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
    let of_types = RollupFilter {
        queue: None,
        job_types: vec![some[0].job_type.clone()],
    };
    let of_queue = RollupFilter {
        job_types: Vec::new(),
        ..of_one.clone()
    };
    let minutes = SeriesPoints::Slices {
        from: Slice(Slice::of(now()).0 - 720),
        to: Slice::of(now()),
        of_point: 12,
    };
    let mut in_order = days.clone();
    in_order.reverse();
    let in_order = SeriesPoints::TimeBuckets(in_order);
    for filter in [&of_all, &of_one, &of_types, &of_queue] {
        for points in [&minutes, &in_order] {
            probe
                .of("activity", Access::Lookup, storage.activity(filter, points, i64::MIN))
                .await;
        }
        probe
            .of("sums of days", Access::Lookup, storage.rollups(filter, &days))
            .await;
        probe
            .of(
                "the busiest hour",
                Access::Lookup,
                storage.busiest_hour(filter, days[0]),
            )
            .await;
        probe
            .of("durations", Access::Lookup, storage.durations(filter, days[0]))
            .await;
        probe
            .of("sums of types", Access::Lookup, storage.type_rollups(filter, days[0]))
            .await;
    }
    probe.of("next due", Access::Lookup, storage.next_due(now())).await;
    probe
        .of(
            "due computed after",
            Access::Lookup,
            storage.due_computed_after(now(), 200),
        )
        .await;
    probe.of("due types", Access::Lookup, storage.due_types(now())).await;
    probe
        .of("pending jobs by type", Access::Lookup, storage.pending_by_type())
        .await;
    backlog(probe).await;
    probe.of("maintenance", Access::Lookup, storage.maintain()).await;
    webhooks::read(probe).await;
    probe.of("orphans", Access::Lookup, storage.orphans(NODE, 100)).await;
    probe.of("running on", Access::Lookup, storage.running_on(NODE)).await;
    recurring::read(probe).await;
    probe.of("nodes", Access::Lookup, storage.nodes()).await;
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
                Access::Ordered(index, 100),
                storage.audit(&filter, records),
            )
            .await;
    }
}

/// Lists in the order of a value.
async fn sorted(probe: &Probe) {
    let page = |field, sorted_max| SortedPage {
        sort: JobSort {
            field,
            is_descending: false,
        },
        after: None,
        limit: 50,
        sorted_max,
    };
    let pending = statuses(&[JobStatus::Pending]).with_queue(&queue("default"));
    let mut next = page(SortField::Due, 10);
    for _ in 0..2 {
        let jobs = probe
            .of(
                "pending jobs of a queue by due time",
                Access::Lookup,
                probe.repository.sorted_jobs(&pending, next, false),
            )
            .await
            .expect("an index has the order");
        next.after = jobs.last().and_then(|last| next.sort.place_of(last));
        assert_eq!(jobs.len(), 50);
    }
    let rare = statuses(&[JobStatus::Failed]).with_queue(&queue("rare"));
    for field in [SortField::Due, SortField::Finished, SortField::Duration] {
        let read = probe.repository.sorted_jobs(&rare, page(field, 400), false);
        let jobs = probe.of("few jobs by a value", Access::Lookup, read).await;
        assert!(jobs.is_some_and(|jobs| !jobs.is_empty()));
        // The first ones are read to know that there are too many.
        let failed = statuses(&[JobStatus::Failed]);
        let read = probe.repository.sorted_jobs(&failed, page(field, 200), false);
        let jobs = probe.of("too many jobs by a value", Access::Lookup, read).await;
        assert!(jobs.is_none());
    }
}

/// Reads of explanations.
async fn backlog(probe: &Probe) {
    let storage = &probe.repository;
    let waiting = some_jobs(probe, &statuses(&[JobStatus::Pending]), 1).await.remove(0);
    let names = [waiting.queue.clone()];
    probe
        .of("states of queues", Access::Lookup, storage.queue_states(&names))
        .await;
    probe
        .of(
            "pending jobs of a queue by type",
            Access::Lookup,
            storage.pending_types(&waiting.queue),
        )
        .await;
    let before = storage.count_before(&waiting, now(), 100);
    probe.of("jobs before a job", Access::Lookup, before).await;
    for queue in [None, Some(&waiting.queue)] {
        let counts = storage.due_counts(queue, now(), 20);
        probe.of("pending jobs by due time", Access::Lookup, counts).await;
    }
    let of_type = [waiting.job_type.clone()];
    for job_types in [&of_type[..0], &of_type] {
        let later = storage.count_due_later(&waiting.queue, job_types, waiting.due_at, 100);
        probe.of("jobs that are due later", Access::Lookup, later).await;
    }
}
