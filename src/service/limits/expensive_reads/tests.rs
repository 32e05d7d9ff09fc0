//! Tests of the order and the timeouts of expensive reads.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

use super::{Charge, ExpensiveReads, ReadLimits};
use crate::domain::access::caller::{Caller, CallerKind, Scopes};
use crate::domain::access::caller_key::CallerKey;
use crate::service::error::ServiceError;
use crate::storage::caller_line::{Entered, Full, Line};
use crate::storage::held::held;
use crate::storage::repository::RepositoryError;

fn key(name: &str) -> CallerKey {
    CallerKey::of(&Caller::new(name, CallerKind::Key, Scopes::all(), Default::default()))
}

fn has_turn(entered: &mut Entered) -> bool {
    entered.turn.try_recv().is_ok()
}

#[test]
fn one_caller_leaves_a_place_to_others_and_waits_in_its_share_of_the_queue() {
    let mut line = Line::new(2, 8);
    let mut first = line.enter(key("a")).expect("a place");
    assert!(has_turn(&mut first));
    let mut waiting: Vec<Entered> = (0..2).map(|_| line.enter(key("a")).expect("a place")).collect();
    assert!(!waiting.iter_mut().any(has_turn));
    assert_eq!(line.enter(key("a")).expect_err("a share"), Full::OfCaller);
    let mut other = line.enter(key("b")).expect("a place");
    assert!(has_turn(&mut other), "at once");
    line.leave(first.id, &first.key);
    assert!(has_turn(&mut waiting[0]));
    assert!(!has_turn(&mut waiting[1]));
}

#[test]
fn callers_take_turns() {
    let mut line = Line::new(1, 40);
    let busy = line.enter(key("a")).expect("a place");
    let mut of_a: Vec<Entered> = (0..5).map(|_| line.enter(key("a")).expect("a place")).collect();
    let mut of_b = line.enter(key("b")).expect("a place");
    line.leave(busy.id, &busy.key);
    assert!(has_turn(&mut of_b), "it has had no turn yet");
    assert!(!of_a.iter_mut().any(has_turn));
}

#[test]
fn anonymous_callers_are_distinguished_by_address() {
    let at = |last| CallerKey::of(&Caller::anonymous().at(Some(Ipv4Addr::new(10, 0, 0, last).into())));
    assert_eq!(at(1), at(1));
    assert_ne!(at(1), at(2));
    let named = |last| {
        let caller = Caller::new("a", CallerKind::Key, Scopes::all(), Default::default());
        CallerKey::of(&caller.at(Some(Ipv4Addr::new(10, 0, 0, last).into())))
    };
    assert_eq!(named(1), named(2));
}

proptest! {
    #[test]
    fn no_place_is_lost_and_no_limit_exceeded(
        running_max in 1_usize..5,
        waiting_max in 0_usize..10,
        steps in proptest::collection::vec((0_u8..4, 0_usize..16, proptest::bool::ANY), 1..200),
    ) {
        let mut line = Line::new(running_max, waiting_max);
        let mut waiting: Vec<Entered> = Vec::new();
        let mut running: Vec<Entered> = Vec::new();
        for (caller, index, enters) in steps {
            if enters {
                waiting.extend(line.enter(key(&caller.to_string())));
            } else {
                let from = if index % 2 == 0 { &mut running } else { &mut waiting };
                if !from.is_empty() {
                    let left = from.swap_remove(index % from.len());
                    line.leave(left.id, &left.key);
                }
            }
            running.extend(waiting.extract_if(.., has_turn));
            prop_assert!(running.len() <= running_max);
            prop_assert!(waiting.len() <= waiting_max);
            for entered in &running {
                let own = running.iter().filter(|other| other.key == entered.key).count();
                prop_assert!(own <= (running_max - 1).max(1));
            }
        }
        for left in waiting.drain(..).chain(running.drain(..)).collect::<Vec<_>>() {
            line.leave(left.id, &left.key);
        }
        let mut last = line.enter(key("last")).expect("a place");
        prop_assert!(has_turn(&mut last));
        let is_second_possible = waiting_max > 0 || running_max > 2;
        prop_assert_eq!(line.enter(key("last")).is_ok(), is_second_possible);
    }
}

fn reads(time: Duration) -> ExpensiveReads {
    ExpensiveReads::new(ReadLimits {
        running_max: 1,
        waiting_max: 4,
        time,
    })
}

async fn never() -> Result<(), RepositoryError> {
    std::future::pending().await
}

#[tokio::test]
async fn a_read_that_times_out_is_stopped_with_advice() {
    let reads = reads(Duration::from_millis(20));
    let failed = reads
        .run(&Caller::local(), Charge::Full, "narrow the dates", never())
        .await;
    let message = failed.expect_err("the read times out").to_string();
    assert_eq!(message, "the read timed out after 0.02 s; narrow the dates");
    let after = reads.run(&Caller::local(), Charge::Full, "", async { Ok(7) }).await;
    assert_eq!(after.expect("its place is free again"), 7);
}

#[tokio::test]
async fn a_dropped_read_releases_its_place() {
    let reads = reads(Duration::from_secs(60));
    let caller = Caller::local();
    {
        let read = reads.run(&caller, Charge::Full, "", never());
        let mut read = std::pin::pin!(read);
        assert!(read.as_mut().now_or_never().is_none());
        let second = reads.run(&caller, Charge::Full, "", never());
        let mut second = std::pin::pin!(second);
        assert!(second.as_mut().now_or_never().is_none());
        let third = reads.run(&caller, Charge::Full, "", never()).await;
        assert!(matches!(third, Err(ServiceError::ReadsBusy { is_own: true, .. })));
    }
    let after = reads.run(&caller, Charge::Full, "", async { Ok(7) }).await;
    assert_eq!(after.expect("a place"), 7);
}

#[tokio::test]
async fn a_permit_is_held_until_the_connection_of_its_read_is_returned() {
    let reads = reads(Duration::from_millis(20));
    let connection = std::sync::Mutex::new(None);
    let read = async {
        *connection.lock().expect("a value") = held();
        never().await
    };
    let stopped = reads.run(&Caller::local(), Charge::Full, "", read).await;
    assert!(matches!(stopped, Err(ServiceError::ReadTimedOut { .. })), "{stopped:?}");
    let waits = reads.run(&Caller::local(), Charge::Full, "", async { Ok(7) }).await;
    assert!(matches!(waits, Err(ServiceError::ReadsBusy { .. })), "{waits:?}");
    assert!(connection.lock().expect("a value").take().is_some());
    let after = reads.run(&Caller::local(), Charge::Full, "", async { Ok(7) }).await;
    assert_eq!(after.expect("its place is free again"), 7);
}
