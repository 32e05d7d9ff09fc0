//! Audit records: written with their change, and only if it had an effect.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::access::audit::{AuditAction, AuditOutcome, AuditRecord, AuditTarget};
use crate::domain::access::caller::{Caller, CallerKind};
use crate::domain::job::status::JobStatus;
use crate::domain::values::id::AuditId;
use crate::storage::change::{
    Applied, Change, ChangeError, Finished, Idempotency, Inserted, JobChange, MaintenanceChange, QueueChange,
};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample::{
    at, completed, finish, insert, job, queue, renamed, start, update, with_key,
};
use crate::storage::conformance::subject::Subject;
use crate::storage::query::{AuditFilter, AuditPage};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_record_is_read_as_it_was_written,
        effective_changes_are_audited,
        new_jobs_are_audited_beside_starts_and_completions,
        ineffective_changes_are_not_audited,
        a_bad_change_is_not_recorded,
        batches_of_one_operation_are_added_up,
        records_are_listed_in_pages,
        records_are_filtered,
        old_records_are_removed_in_steps,
    ]
}

/// The record with this number, this number of seconds after the start of the day.
fn record(seconds: u32) -> AuditRecord {
    let id = AuditId::new(at(seconds.into()), seconds.into());
    AuditRecord::new(id, &Caller::local(), AuditAction::JobCreate, AuditOutcome::Created)
}

fn audited(change: Change, record: &AuditRecord) -> (Change, Option<AuditRecord>) {
    (change, Some(record.clone()))
}

async fn page(storage: &Subject, filter: &AuditFilter, limit: u32, after: Option<AuditId>) -> Vec<AuditRecord> {
    let page = AuditPage { limit, after };
    storage.repository.audit(filter, page).await.expect("storage reads")
}

async fn all(storage: &Subject) -> Vec<AuditRecord> {
    page(storage, &AuditFilter::default(), 1_000, None).await
}

/// Stores a job for each record, and the records with them.
async fn stored(storage: &Subject, records: &[AuditRecord]) {
    for (record, number) in records.iter().zip(1_000..) {
        let applied = storage.commit_audited(&[audited(insert([job(number)]), record)]).await;
        assert!(applied[0].is_ok(), "{applied:?}");
    }
}

async fn a_record_is_read_as_it_was_written(storage: Subject) {
    let addresses = ["192.0.2.7", "2001:db8::7"].map(|text| text.parse::<IpAddr>().expect("an address"));
    let full = AuditRecord {
        actor: Arc::from("Müller's key 🦀"),
        actor_kind: CallerKind::Token,
        address: Some(addresses[0]),
        action: AuditAction::JobUpdate,
        outcome: AuditOutcome::Changed,
        target: Some(AuditTarget::Job(job(1).id)),
        queue: Some(queue("mail")),
        // Storage knows the actual number.
        jobs: 77,
        ..record(1)
    };
    let other = AuditRecord {
        actor: Arc::from(""),
        actor_kind: CallerKind::Anonymous,
        address: Some(addresses[1]),
        ..record(2)
    };
    let changes = [
        audited(insert([job(1), job(2)]), &full),
        audited(insert([job(3)]), &other),
    ];
    storage.commit_audited(&changes).await;
    let expected = [AuditRecord { jobs: 1, ..other }, AuditRecord { jobs: 2, ..full }];
    assert_eq!(all(&storage).await, expected);
}

async fn effective_changes_are_audited(storage: Subject) {
    storage.insert(&[job(1), job(2), job(3), with_key("k", job(4))]).await;
    let clear = Change::Queue(QueueChange::Clear {
        queue: job(1).queue,
        status: JobStatus::Pending,
        up_to: job(3).id,
        limit: 10,
    });
    let pause = Change::Queue(QueueChange::Set {
        queue: queue("default"),
        is_paused: Some(true),
    });
    let effects = [
        (insert([with_key("k", job(5)), job(6)]), 1),
        (update(&job(1), &renamed(&job(1), "changed")), 1),
        (Change::Job(JobChange::Delete { job: job(2).into() }), 1),
        (pause, 0),
        (clear, 2),
    ];
    let mut changes = Vec::new();
    for (number, (change, _)) in (1..).zip(&effects) {
        changes.push(audited(change.clone(), &record(number)));
    }
    for applied in storage.commit_audited(&changes).await {
        assert!(applied.is_ok(), "{applied:?}");
    }
    let jobs: Vec<u64> = all(&storage).await.iter().rev().map(|record| record.jobs).collect();
    assert_eq!(jobs, effects.map(|(_, jobs)| jobs));
}

/// Once alone in the commit, once beside a rejected start, and once beside other changes.
async fn new_jobs_are_audited_beside_starts_and_completions(storage: Subject) {
    let node = storage.live_node(1).await;
    let gone = job(999);
    let stale = || (start([&gone], node, at(10)), None, Ok(Applied::Started(vec![false])));
    let rename = |of: u32| update(&job(of), &renamed(&job(of), "other"));
    let mut expected = Vec::new();
    for (round, number) in (0..3).zip((0..).step_by(10)) {
        let [pending, running, third] = [job(number), job(number + 1), job(number + 2)];
        storage.insert(&[pending.clone(), third]).await;
        let running = storage.insert_running(running, node).await;
        let mut changes = vec![
            (
                insert([job(number + 3), job(number + 4)]),
                Some(record(number)),
                Ok(Applied::Inserted(vec![Inserted::New; 2])),
            ),
            (start([&pending], node, at(10)), None, Ok(Applied::Started(vec![true]))),
            (
                finish(&running, completed(), at(10)),
                None,
                Ok(Applied::Finished(Finished::Stored)),
            ),
            (
                insert([job(number + 5)]),
                Some(record(number + 1)),
                Ok(Applied::Inserted(vec![Inserted::New])),
            ),
        ];
        match round {
            0 => {}
            1 => changes.push(stale()),
            _ => changes.push((rename(number + 2), Some(record(number + 2)), Ok(Applied::Updated))),
        }
        let (changes, results): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .map(|(change, record, result)| ((change, record), result))
            .unzip();
        assert_eq!(storage.commit_audited(&changes).await, results, "round {round}");
        expected.extend([(2, record(number)), (1, record(number + 1))]);
        if round == 2 {
            expected.push((1, record(number + 2)));
        }
    }
    let expected: Vec<AuditRecord> = expected
        .into_iter()
        .rev()
        .map(|(jobs, record)| AuditRecord { jobs, ..record })
        .collect();
    assert_eq!(all(&storage).await, expected);
    storage.counts_are_exact().await;
}

async fn ineffective_changes_are_not_audited(storage: Subject) {
    let request = |number| {
        Change::Job(JobChange::Insert {
            jobs: vec![with_key("k", job(number)).into()],
            idempotency: Some(Idempotency {
                key: "asked".to_owned(),
                fingerprint: [1; 32],
                created_at: at(0),
            }),
        })
    };
    storage.commit(&[request(1)]).await;
    let clear = Change::Queue(QueueChange::Clear {
        queue: queue("unused"),
        status: JobStatus::Pending,
        up_to: job(100).id,
        limit: 10,
    });
    let resume = Change::Queue(QueueChange::Set {
        queue: queue("default"),
        is_paused: Some(false),
    });
    let changes = [
        audited(request(2), &record(1)),
        audited(insert([with_key("k", job(3))]), &record(2)),
        audited(update(&job(9), &renamed(&job(9), "gone")), &record(3)),
        audited(clear, &record(4)),
        audited(resume, &record(5)),
    ];
    let applied = storage.commit_audited(&changes).await;
    assert_eq!(applied[0], Ok(Applied::Replayed(vec![job(1).id.as_uuid()])));
    assert_eq!(all(&storage).await, []);
}

async fn a_bad_change_is_not_recorded(storage: Subject) {
    storage.insert(&[job(1)]).await;
    let changes = [
        audited(insert([job(2)]), &record(1)),
        audited(insert([job(3), job(1)]), &record(2)),
        audited(insert([job(4)]), &record(3)),
    ];
    let applied = storage.commit_audited(&changes).await;
    let new = Ok(Applied::Inserted(vec![Inserted::New]));
    assert!(
        matches!(applied[1], Err(ChangeError::Rejected { .. })),
        "{:?}",
        applied[1]
    );
    assert_eq!((&applied[0], &applied[2]), (&new, &new));
    let expected = [record(3), record(1)].map(|record| AuditRecord { jobs: 1, ..record });
    assert_eq!(all(&storage).await, expected);
}

async fn batches_of_one_operation_are_added_up(storage: Subject) {
    storage.insert(&(0..5).map(job).collect::<Vec<_>>()).await;
    let clear = Change::Queue(QueueChange::Clear {
        queue: queue("default"),
        status: JobStatus::Pending,
        up_to: job(100).id,
        limit: 2,
    });
    for removed in [2, 2, 1, 0] {
        let applied = storage.commit_audited(&[audited(clear.clone(), &record(1))]).await;
        assert_eq!(applied, [Ok(Applied::Removed(removed))]);
    }
    assert_eq!(all(&storage).await, [AuditRecord { jobs: 5, ..record(1) }]);
}

async fn records_are_listed_in_pages(storage: Subject) {
    let records: Vec<AuditRecord> = (1..=12)
        .map(|number| AuditRecord {
            jobs: 1,
            ..record(number)
        })
        .collect();
    stored(&storage, &records).await;
    let newest: Vec<AuditRecord> = records.into_iter().rev().collect();
    let any = AuditFilter::default();
    assert_eq!(page(&storage, &any, 5, None).await, newest[..5]);
    assert_eq!(page(&storage, &any, 5, Some(newest[4].id)).await, newest[5..10]);
    assert_eq!(page(&storage, &any, 5, Some(newest[9].id)).await, newest[10..]);
    assert_eq!(page(&storage, &any, 5, Some(newest[11].id)).await, []);
    assert_eq!(page(&storage, &any, 0, None).await, []);
    assert_eq!(page(&storage, &any, u32::MAX, None).await, newest);
}

async fn records_are_filtered(storage: Subject) {
    let of = |seconds, actor: &str, action, target| AuditRecord {
        actor: Arc::from(actor),
        action,
        target,
        jobs: 1,
        ..record(seconds)
    };
    let records = [
        of(1, "ann", AuditAction::JobCreate, Some(AuditTarget::Job(job(1).id))),
        of(2, "Ann", AuditAction::JobCancel, Some(AuditTarget::Job(job(1).id))),
        of(3, "ann", AuditAction::JobCancel, Some(AuditTarget::Job(job(2).id))),
        of(4, "bob", AuditAction::QueueClear, None),
    ];
    stored(&storage, &records).await;
    let any = AuditFilter::default;
    let micro = TimeDelta::microseconds(1);
    let expect: [(AuditFilter, &[usize]); 9] = [
        (
            AuditFilter {
                actor: Some(Arc::from("ann")),
                ..any()
            },
            &[2, 0],
        ),
        (
            AuditFilter {
                actor: Some(Arc::from("unknown")),
                ..any()
            },
            &[],
        ),
        (
            AuditFilter {
                action: Some(AuditAction::JobCancel),
                ..any()
            },
            &[2, 1],
        ),
        (
            AuditFilter {
                action: Some(AuditAction::JobCreate),
                ..any()
            },
            &[0],
        ),
        (
            AuditFilter {
                job_id: Some(job(1).id),
                ..any()
            },
            &[1, 0],
        ),
        (
            AuditFilter {
                from: Some(at(2)),
                to: Some(at(3)),
                ..any()
            },
            &[2, 1],
        ),
        (
            AuditFilter {
                from: Some(at(2) + micro),
                ..any()
            },
            &[3, 2],
        ),
        (
            AuditFilter {
                to: Some(at(2) - micro),
                ..any()
            },
            &[0],
        ),
        (
            AuditFilter {
                actor: Some(Arc::from("ann")),
                action: Some(AuditAction::JobCancel),
                job_id: Some(job(2).id),
                from: Some(at(0)),
                to: Some(at(9)),
            },
            &[2],
        ),
    ];
    for (filter, expected) in expect {
        let expected: Vec<&AuditRecord> = expected.iter().map(|index| &records[*index]).collect();
        let found = page(&storage, &filter, 100, None).await;
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    }
}

async fn old_records_are_removed_in_steps(storage: Subject) {
    let records: Vec<AuditRecord> = (1..=6).map(record).collect();
    stored(&storage, &records).await;
    let prune = |seconds, limit| {
        Change::Maintenance(MaintenanceChange::PruneAudit {
            before: at(seconds),
            limit,
        })
    };
    for (limit, removed) in [(3, 3), (3, 1), (3, 0)] {
        assert_eq!(storage.apply(prune(5, limit)).await, Ok(Applied::Removed(removed)));
    }
    let left: Vec<AuditId> = all(&storage).await.iter().map(|record| record.id).collect();
    assert_eq!(left, [record(6).id, record(5).id]);
    assert_eq!(storage.all().await.len(), 6, "the jobs stay");
}
