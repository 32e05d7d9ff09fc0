//! All operations on recurring jobs, with 2,000 of them.

use std::sync::Arc;

use chrono::TimeDelta;
use tickerq::domain::cron::CronExpression;
use tickerq::domain::job::Job;
use tickerq::domain::job::new_job::JobDefaults;
use tickerq::domain::job::priority::Priority;
use tickerq::domain::recurring::misfire::MisfirePolicy;
use tickerq::domain::recurring::overlap::OverlapPolicy;
use tickerq::domain::recurring::{NewRecurringJob, RecurringJob, Schedule, Template};
use tickerq::domain::values::json::Json;
use tickerq::domain::values::name::JobName;
use tickerq::domain::values::time_zone::TimeZoneName;
use tickerq::storage::change::{Change, Fire, RecurringChange};
use tickerq::storage::query::{JobFilter, RecurringOrder, RecurringPage, RecurringSelection, StoredTexts};
use tickerq::storage::repository::{JobStore, RecurringStore};

use super::Probe;
use super::samples::{FIRST, NODE, now, some_jobs, types};
use super::verdict::Access;

/// Executes all reads of them.
pub async fn read(probe: &Probe) {
    let storage = &probe.repository;
    let occurrence = some_jobs(probe, &JobFilter::default(), 1_000)
        .await
        .iter()
        .find_map(|job| job.occurrence);
    let id = occurrence.expect("some jobs are occurrences").recurring_id;
    let occurrences = JobFilter::default().with_recurring(id);
    let by_recurring = Access::Ordered(Some("jobs_by_recurring"), 100);
    probe
        .of("occurrences", by_recurring, storage.jobs(&occurrences, FIRST))
        .await;
    probe
        .of("count of occurrences", Access::Matching, storage.count(&occurrences))
        .await;
    probe
        .of(
            "unfinished occurrences",
            Access::Lookup,
            storage.unfinished_occurrences(&[id]),
        )
        .await;
    let found = probe
        .of("one recurring job", Access::Lookup, storage.recurring(id))
        .await;
    assert!(found.is_some());
    let page = RecurringPage {
        limit: 100,
        offset: 500,
    };
    let walk = Access::Ordered(None, 600);
    probe.of("recurring jobs", walk, storage.recurring_page(page)).await;
    probe
        .of(
            "recurring jobs by id",
            Access::Lookup,
            storage.recurring_after(Some(id), 200),
        )
        .await;
    for order in [
        RecurringOrder::NewestFirst,
        RecurringOrder::NextRun,
        RecurringOrder::Name,
    ] {
        let selection = RecurringSelection {
            order,
            limit: 100,
            ..RecurringSelection::default()
        };
        // Callers define them one by one.
        let selected = probe
            .of(
                "a page of recurring jobs",
                Access::Scan,
                storage.select_recurring(&selection),
            )
            .await;
        probe
            .of(
                "recurring jobs of a page",
                Access::Lookup,
                storage.recurring_by_id(&selected.ids),
            )
            .await;
        let texts = StoredTexts::OfRecurringJobs(&selected.ids);
        probe
            .of("the size of recurring jobs", Access::Lookup, storage.size_of(texts))
            .await;
    }
    // Their number is bounded by their creation by clients, and no frequent operation counts them.
    probe
        .of("count of recurring jobs", Access::Scan, storage.recurring_count())
        .await;
    let due = probe
        .of("due recurring jobs", Access::Lookup, storage.due_recurring(now(), 500))
        .await;
    let (waiting, due): (Vec<_>, Vec<_>) = due
        .recurring_jobs
        .into_iter()
        .partition(|recurring| !recurring.waiting.is_empty());
    assert!(!waiting.is_empty() && !due.is_empty(), "both kinds are found");
    probe
        .of("next recurring job", Access::Lookup, storage.next_recurring(now()))
        .await;
}

/// Executes all writes of them.
pub async fn write(probe: &Probe) {
    let insert = |recurring: &RecurringJob| {
        Change::Recurring(RecurringChange::Insert {
            recurring: Arc::new(recurring.clone()),
            idempotency: None,
        })
    };
    let recurring = sample();
    probe
        .commit("insert a recurring job", Access::Lookup, vec![insert(&recurring)])
        .await;
    let changed = advanced(&recurring);
    let update = Change::Recurring(RecurringChange::Update {
        before: Arc::new(recurring),
        after: Arc::new(changed.clone()),
    });
    probe
        .commit("update a recurring job", Access::Lookup, vec![update])
        .await;
    let fired = advanced(&changed);
    let led = probe.lead(NODE).await;
    let fire = Change::Recurring(RecurringChange::Fire(Fire {
        before: Arc::new(changed.clone()),
        after: Arc::new(fired.clone()),
        occurrences: (0..3).map(|number| Arc::new(occurrence(&changed, number))).collect(),
        leader: Some((NODE, led)),
    }));
    probe.commit("fire", Access::Lookup, vec![fire]).await;
    let delete = Change::Recurring(RecurringChange::Delete {
        recurring: Arc::new(fired),
    });
    probe
        .commit("delete a recurring job", Access::Lookup, vec![delete])
        .await;
}

fn sample() -> RecurringJob {
    let job_type = types(&["MailJob"]).remove(0);
    NewRecurringJob {
        key: None,
        schedule: Schedule {
            cron: CronExpression::parse("* * * * *").expect("an expression"),
            time_zone: TimeZoneName::UTC,
            starts_at: None,
            ends_at: None,
        },
        template: Template {
            name: JobName::from(&job_type),
            job_type,
            queue: None,
            parameters: Json::null(),
            priority: Priority::Normal,
            max_retries: None,
            timeout: None,
            retry_delay: None,
            retry_intervals: None,
            tags: Vec::new(),
        },
        is_enabled: true,
        misfire_policy: MisfirePolicy::FireOnce,
        overlap_policy: OverlapPolicy::Allow,
    }
    .into_recurring_job(now(), 1)
}

/// The recurring job with its next due time one minute later.
fn advanced(recurring: &RecurringJob) -> RecurringJob {
    RecurringJob {
        next_run_at: recurring.next_run_at.map(|next| next + TimeDelta::minutes(1)),
        revision: recurring.revision + 1,
        ..recurring.clone()
    }
}

fn occurrence(recurring: &RecurringJob, number: u32) -> Job {
    let due_at = now() + TimeDelta::minutes(number.into());
    recurring.occurrence(due_at, &JobDefaults::default(), now(), 90_000 + u128::from(number))
}
