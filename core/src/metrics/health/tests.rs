//! The rules of health at their thresholds, and the reports of intermittent problems.

use std::time::Duration;

use proptest::prelude::{prop_assert, proptest};

use super::{DiskRoom, Health, HealthReason, HealthRules, HealthState, HealthWatch, Observations, evaluate};
use crate::metrics::storage_fault::StorageFault;
use crate::values::name::{JobType, QueueName};
use crate::values::time_span::TimeSpan;

fn healthy() -> Observations {
    Observations {
        pending_rows: 50,
        pending_rows_max: 100,
        slowest_queue: Some((QueueName::default(), TimeSpan::from_secs(300))),
        ended_lately: 40,
        failed_lately: 20,
        clock_ahead: Some(TimeSpan::from_secs(-5)),
        disk: Some(DiskRoom { free: 50, total: 1_000 }),
        ..Observations::default()
    }
}

fn codes(observations: Observations) -> Vec<&'static str> {
    let reasons = evaluate(observations, &HealthRules::default());
    reasons.iter().map(HealthReason::code).collect()
}

#[test]
fn no_problem_is_found_up_to_the_thresholds() {
    assert!(codes(healthy()).is_empty());
    assert!(codes(Observations::default()).is_empty(), "nothing is known");
}

#[test]
fn each_rule_has_its_reason() {
    let queue = QueueName::default();
    for (observations, code) in [
        (
            Observations {
                is_storage_unavailable: true,
                ..healthy()
            },
            "storage-unavailable",
        ),
        (
            Observations {
                restarts_lately: 1,
                ..healthy()
            },
            "actors-restarted",
        ),
        (
            Observations {
                pending_rows: 51,
                ..healthy()
            },
            "writes-pile-up",
        ),
        (
            Observations {
                slowest_queue: Some((queue, TimeSpan::from_secs(301))),
                ..healthy()
            },
            "queue-latency",
        ),
        (
            Observations {
                blocked_handlers: 1,
                blocked_types: vec![JobType::parse("ReportJob").expect("a type")],
                ..healthy()
            },
            "handlers-blocked",
        ),
        (
            Observations {
                failed_lately: 21,
                ..healthy()
            },
            "failure-rate",
        ),
        (
            Observations {
                unhandled: vec![(JobType::parse("EmailJob").expect("a type"), 1)],
                ..healthy()
            },
            "job-types-nobody-runs",
        ),
        (
            Observations {
                lost_nodes: vec!["a".to_owned()],
                ..healthy()
            },
            "nodes-lost",
        ),
        (
            Observations {
                clock_ahead: Some(TimeSpan::from_secs(-6)),
                ..healthy()
            },
            "clock-skew",
        ),
        (
            Observations {
                disk: Some(DiskRoom { free: 49, total: 1_000 }),
                ..healthy()
            },
            "disk-nearly-full",
        ),
        (
            Observations {
                disk: Some(DiskRoom { free: 9, total: 1_000 }),
                ..healthy()
            },
            "disk-full",
        ),
        (
            Observations {
                wal_kept: (16 << 20) + 1,
                ..healthy()
            },
            "wal-grows",
        ),
    ] {
        assert_eq!(codes(observations), [code]);
    }
    let few = Observations {
        ended_lately: 19,
        failed_lately: 19,
        ..healthy()
    };
    assert!(codes(few).is_empty(), "a few failures are no rate");
}

#[test]
fn a_fault_of_storage_replaces_the_reason_of_unavailable_storage() {
    for (fault, code) in [
        (StorageFault::Corrupt, "storage-corrupt"),
        (StorageFault::FileMissing, "storage-file-missing"),
        (StorageFault::FileReplaced, "storage-file-replaced"),
        (StorageFault::ReadOnly, "storage-read-only"),
        (StorageFault::Full, "disk-full"),
    ] {
        let observations = Observations {
            is_storage_unavailable: true,
            storage_fault: Some(fault),
            disk: Some(DiskRoom { free: 1, total: 1_000 }),
            ..healthy()
        };
        let reasons = evaluate(observations, &HealthRules::default());
        let reported: Vec<_> = reasons
            .iter()
            .map(HealthReason::code)
            .filter(|reported| *reported == code)
            .collect();
        assert_eq!(reported, [code], "reported once, with all its symptoms");
        let health = Health::of(reasons);
        assert_eq!(health.state, HealthState::Unhealthy);
        assert_ne!(health.reasons[0], HealthReason::StorageUnavailable);
    }
}

#[test]
fn the_worst_reason_decides() {
    let busy = HealthReason::WriteBacklog { pending_rows: 51 };
    assert_eq!(Health::of(vec![busy.clone()]).state, HealthState::Degraded);
    let all = Health::of(vec![
        busy,
        HealthReason::ActorsRestarted { restarts: 2 },
        HealthReason::StorageUnavailable,
    ]);
    assert_eq!(all.state, HealthState::Unhealthy);
    let codes: Vec<_> = all.reasons.iter().map(HealthReason::code).collect();
    assert_eq!(codes, ["storage-unavailable", "actors-restarted", "writes-pile-up"]);
}

#[test]
fn other_figures_of_the_same_reason_are_not_reported() {
    let restarted = |restarts| Health::of(vec![HealthReason::ActorsRestarted { restarts }]);
    assert!(restarted(1).differs_from(&Health::healthy()));
    assert!(!restarted(2).differs_from(&restarted(1)));
    let also_busy = Health::of(vec![
        HealthReason::ActorsRestarted { restarts: 2 },
        HealthReason::WriteBacklog { pending_rows: 99 },
    ]);
    assert!(
        also_busy.differs_from(&restarted(2)),
        "the state is the same, the problem is not"
    );
    assert!(Health::healthy().differs_from(&also_busy));
}

/// The reports at each of these seconds, with a full write queue at the seconds in `busy`.
fn reports(seconds: &[u64], busy: &[u64]) -> Vec<bool> {
    let (mut watch, rules) = (HealthWatch::default(), HealthRules::default());
    let check = |second: &u64| {
        let found = busy
            .contains(second)
            .then_some(HealthReason::WriteBacklog { pending_rows: 9 });
        let health = watch.update(found.into_iter().collect(), Duration::from_secs(*second), &rules);
        health.state == HealthState::Degraded
    };
    seconds.iter().map(check).collect()
}

#[test]
fn a_momentary_problem_is_not_reported() {
    assert_eq!(reports(&[0, 5, 10, 15, 20], &[5]), [false; 5]);
    assert_eq!(
        reports(&[0, 5, 10, 15, 20], &[0, 5, 15, 20]),
        [false; 5],
        "the duration restarts"
    );
}

#[test]
fn a_lasting_problem_is_reported_until_it_is_gone_for_a_while() {
    let seconds = [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50];
    let found = reports(&seconds, &[0, 5, 10, 20]);
    assert_eq!(
        found,
        [false, false, true, true, true, true, true, true, true, true, false]
    );
}

#[test]
fn a_problem_that_stops_the_work_is_reported_immediately() {
    let (mut watch, rules) = (HealthWatch::default(), HealthRules::default());
    let health = watch.update(vec![HealthReason::StorageUnavailable], Duration::ZERO, &rules);
    assert_eq!(health.state, HealthState::Unhealthy);
    let health = watch.update(Vec::new(), Duration::from_secs(29), &rules);
    assert_eq!(health.state, HealthState::Unhealthy, "and its end is not");
    let health = watch.update(Vec::new(), Duration::from_secs(30), &rules);
    assert_eq!(health, Health::healthy());
}

proptest! {
    #[test]
    fn an_intermittent_problem_is_reported_at_a_limited_rate(busy in proptest::collection::vec(proptest::bool::ANY, 1..400)) {
        let seconds: Vec<u64> = (0..u64::try_from(busy.len()).expect("few")).collect();
        let when: Vec<u64> = seconds.iter().zip(&busy).filter(|(_, busy)| **busy).map(|(second, _)| *second).collect();
        let reported = reports(&seconds, &when);
        let changes = reported.windows(2).filter(|pair| pair[0] != pair[1]).count();
        // Ten seconds until a report, thirty until its end.
        prop_assert!(changes <= 2 * (busy.len() / 40 + 1), "{changes} in {} s", busy.len());
    }
}
