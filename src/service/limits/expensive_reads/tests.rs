//! Tests of the order and the timeouts of expensive reads.

use std::net::Ipv4Addr;
use std::time::Duration;

use futures_util::FutureExt;

use super::{Charge, ExpensiveReads, ReadLimits};
use crate::domain::access::caller::{Caller, CallerKind, Scopes};
use crate::domain::access::caller_key::CallerKey;
use crate::service::error::ServiceError;
use crate::storage::held::held;
use crate::storage::repository::RepositoryError;

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
