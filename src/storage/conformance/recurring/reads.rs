//! Reads of recurring jobs.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::changes::{stored, update_recurring};
use crate::domain::job::outcome::Outcome;
use crate::domain::recurring::{RecurringId, RecurringJob};
use crate::domain::values::name::JobName;
use crate::storage::change::{Applied, Change, RecurringChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{advanced, at, job, job_type, occurrence, queue, recurring};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::{
    RecurringCursor, RecurringFilter, RecurringOrder, RecurringPage, RecurringSelection, StoredTexts,
};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        recurring_jobs_are_listed_in_pages,
        recurring_jobs_are_selected_by_filter_order_and_cursor,
        enabled_recurring_jobs_are_walked_in_the_order_of_their_ids,
        recurring_jobs_are_found_when_they_are_due,
        recurring_jobs_are_found_when_their_occurrence_has_finished,
        the_next_due_time_of_all_is_returned,
        unfinished_occurrences_are_counted,
    ]
}

async fn recurring_jobs_are_listed_in_pages(storage: Subject) {
    let all: Vec<RecurringJob> = (0..12).map(recurring).collect();
    stored(&storage, &all).await;
    assert_eq!(storage.repository.recurring_count().await.expect("storage counts"), 12);
    let newest: Vec<RecurringId> = all.iter().rev().map(|recurring| recurring.id).collect();
    for (limit, offset, expected) in [
        (5, 0, &newest[..5]),
        (5, 5, &newest[5..10]),
        (5, 10, &newest[10..]),
        (5, 12, &[]),
        (0, 0, &[]),
        (u32::MAX, 0, &newest[..]),
    ] {
        let page = RecurringPage { limit, offset };
        let listed = storage.repository.recurring_page(page).await.expect("storage reads");
        let listed: Vec<RecurringId> = listed.iter().map(|recurring| recurring.id).collect();
        assert_eq!(listed, expected, "{page:?}");
    }
}

/// The names, types and keys have letters of both cases and characters with a meaning in patterns.
fn various() -> Vec<RecurringJob> {
    let mut all: Vec<RecurringJob> = (0..12).map(recurring).collect();
    for (number, recurring) in all.iter_mut().enumerate() {
        let name = ["b 50%_!", "Backup", "a", "É"][number % 4];
        recurring.template.name = JobName::parse(name).expect("a name");
        recurring.template.queue = (number % 3 == 0).then(|| queue("mail"));
        recurring.is_enabled = number % 5 != 0;
        recurring.next_run_at = (number % 4 != 1).then(|| at(i64::try_from(number % 3).expect("small")));
        if number % 6 == 2 {
            recurring.template.job_type = job_type("ReportJob");
        }
    }
    all
}

async fn recurring_jobs_are_selected_by_filter_order_and_cursor(storage: Subject) {
    let all = various();
    stored(&storage, &all).await;
    let repository = &storage.repository;
    let all: Vec<Arc<RecurringJob>> = all.into_iter().map(Arc::new).collect();
    let text = |text: &str| RecurringFilter {
        text: Some(Arc::from(text)),
        ..RecurringFilter::default()
    };
    let filters = [
        RecurringFilter::default(),
        text("BACK"),
        text("0%_!"),
        text("reportj"),
        text("nothing"),
        RecurringFilter {
            is_enabled: Some(true),
            ..RecurringFilter::default()
        },
        RecurringFilter {
            is_enabled: Some(false),
            job_type: Some(job_type("ReportJob")),
            ..RecurringFilter::default()
        },
        RecurringFilter {
            queue: Some(queue("mail")),
            ..RecurringFilter::default()
        },
    ];
    for filter in filters {
        for order in [
            RecurringOrder::NewestFirst,
            RecurringOrder::NextRun,
            RecurringOrder::Name,
        ] {
            let mut selection = RecurringSelection {
                filter: filter.clone(),
                order,
                after: None,
                limit: 5,
                offset: 1,
            };
            loop {
                let expected = selection.select(all.clone());
                let selected = repository.select_recurring(&selection).await.expect("storage reads");
                assert_eq!(selected, expected, "{selection:?}");
                let jobs = repository.recurring_by_id(&selected.ids).await.expect("storage reads");
                let ids: Vec<RecurringId> = jobs.iter().map(|recurring| recurring.id).collect();
                assert_eq!(ids, selected.ids);
                let texts = StoredTexts::OfRecurringJobs(&selected.ids);
                let size = repository.size_of(texts).await.expect("storage counts");
                assert!(size > 0 || ids.is_empty() || !repository.is_shared(), "{size}");
                let Some(last) = jobs.last() else { break };
                let cursor = RecurringCursor::of(order, last).to_string();
                selection.after = RecurringCursor::parse(order, &cursor).ok();
                selection.offset = 0;
            }
        }
    }
    let unknown = [all[0].id, RecurringId::from_uuid(job(99).id.as_uuid())];
    let found = repository.recurring_by_id(&unknown).await.expect("storage reads");
    assert_eq!(found.len(), 1, "unknown ids are left out");
    for wrong in ["", "x", "1/x", "x/01963b5e-7d3a-7c1e-9f43-0d2f6b1a9c55"] {
        assert!(
            RecurringCursor::parse(RecurringOrder::NextRun, wrong).is_err(),
            "{wrong}"
        );
    }
}

async fn enabled_recurring_jobs_are_walked_in_the_order_of_their_ids(storage: Subject) {
    let mut all: Vec<RecurringJob> = (0..12).map(recurring).collect();
    all[3].is_enabled = false;
    all[4].next_run_at = None;
    stored(&storage, &all).await;
    all.remove(3);
    let mut after = None;
    let mut walked = Vec::new();
    loop {
        let found = storage.repository.recurring_after(after, 5).await;
        let found = found.expect("storage reads");
        walked.extend(found.iter().map(|recurring| recurring.id));
        if found.len() < 5 {
            break;
        }
        after = walked.last().copied();
        // One that is removed meanwhile moves none of the others.
        let first = Change::Recurring(RecurringChange::Delete {
            recurring: Arc::new(all[0].clone()),
        });
        drop(storage.apply(first).await);
    }
    let ids: Vec<RecurringId> = all.iter().map(|recurring| recurring.id).collect();
    assert_eq!(walked, ids);
}

async fn due(storage: &Subject, now: DateTime<Utc>, limit: u32) -> Vec<RecurringJob> {
    let due = storage
        .repository
        .due_recurring(now, limit)
        .await
        .expect("storage reads");
    let mut due: Vec<RecurringJob> = due.recurring_jobs.into_iter().map(Arc::unwrap_or_clone).collect();
    due.sort_by_key(|recurring| recurring.id);
    due
}

fn next_at(number: u32, next_run_at: Option<DateTime<Utc>>) -> RecurringJob {
    RecurringJob {
        next_run_at,
        ..recurring(number)
    }
}

async fn recurring_jobs_are_found_when_they_are_due(storage: Subject) {
    let (now, micro) = (at(120), TimeDelta::microseconds(1));
    let all = [
        next_at(1, Some(at(60))),
        next_at(2, Some(now)),
        next_at(3, Some(now + micro)),
        next_at(4, None),
    ];
    stored(&storage, &all).await;
    assert_eq!(due(&storage, now, 100).await, all[..2]);
    assert_eq!(due(&storage, now + micro, 100).await, all[..3]);
    assert_eq!(due(&storage, at(0), 100).await, []);
    assert_eq!(due(&storage, now, 1).await.len(), 1);
    assert_eq!(due(&storage, now, 0).await, []);
}

async fn recurring_jobs_are_found_when_their_occurrence_has_finished(storage: Subject) {
    let node = storage.live_node(1).await;
    let waiting = |number| RecurringJob {
        waiting: vec![at(60), at(120)],
        ..next_at(number, Some(at(9_000)))
    };
    let (free, held, done) = (waiting(1), waiting(2), waiting(3));
    let both = RecurringJob {
        next_run_at: Some(at(10)),
        ..waiting(4)
    };
    stored(
        &storage,
        &[
            free.clone(),
            held.clone(),
            done.clone(),
            both.clone(),
            next_at(5, Some(at(9_000))),
        ],
    )
    .await;
    let running = storage.insert_running(occurrence(&held, at(50), 1), node).await;
    let ended = storage.insert_running(occurrence(&done, at(50), 2), node).await;
    storage.finish(&ended, Outcome::Completed(None)).await;
    assert_eq!(
        due(&storage, at(30), 100).await,
        [free.clone(), done.clone(), both.clone()],
        "each once"
    );
    storage.finish(&running, Outcome::Completed(None)).await;
    assert_eq!(due(&storage, at(30), 100).await, [free, held, done, both]);
}

async fn the_next_due_time_of_all_is_returned(storage: Subject) {
    let next_after = async |after| storage.repository.next_recurring(after).await.expect("storage reads");
    let next = async || next_after(at(0)).await;
    assert_eq!(next().await, None);
    stored(&storage, &[next_at(1, None)]).await;
    assert_eq!(next().await, None);
    stored(
        &storage,
        &[
            next_at(2, Some(at(300))),
            next_at(3, Some(at(100))),
            next_at(4, Some(at(200))),
        ],
    )
    .await;
    assert_eq!(next().await, Some(at(100)));
    assert_eq!(
        next_after(at(100)).await,
        Some(at(200)),
        "one that is due is not waited for"
    );
    assert_eq!(next_after(at(300)).await, None);
    let before = next_at(3, Some(at(100)));
    let after = RecurringJob {
        next_run_at: Some(at(250)),
        ..advanced(&before)
    };
    assert_eq!(
        storage.apply(update_recurring(&before, &after)).await,
        Ok(Applied::RecurringStored)
    );
    assert_eq!(next().await, Some(at(200)));
}

async fn unfinished_occurrences_are_counted(storage: Subject) {
    let node = storage.live_node(1).await;
    let (first, second, third) = (recurring(1), recurring(2), recurring(3));
    let of = |recurring, seconds, number| occurrence(recurring, at(seconds), number);
    storage
        .insert(&[of(&first, 60, 1), of(&first, 120, 2), of(&second, 60, 3), job(4)])
        .await;
    storage.start(&of(&first, 60, 1), node).await;
    let ended = storage.insert_running(of(&first, 180, 5), node).await;
    storage.finish(&ended, Outcome::Completed(None)).await;
    let ended = storage.insert_running(of(&third, 60, 6), node).await;
    storage.finish(&ended, Outcome::Cancelled).await;
    let ids = [third.id, first.id, recurring(99).id];
    let counts = storage
        .repository
        .unfinished_occurrences(&ids)
        .await
        .expect("storage counts");
    let of = |id| counts.get(&id).copied().unwrap_or_default();
    assert_eq!((of(first.id), of(third.id), of(recurring(99).id)), (2, 0, 0));
    assert_eq!(counts.get(&second.id), None, "it was not requested");
    let none = storage
        .repository
        .unfinished_occurrences(&[])
        .await
        .expect("storage counts");
    assert!(none.is_empty());
}
