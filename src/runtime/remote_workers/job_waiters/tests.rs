//! Assignment of due jobs to waiting calls.

use chrono::DateTime;
use futures_util::FutureExt;

use super::*;
use crate::domain::job::new_job::{JobDefaults, NewJob};

fn queue(name: &str) -> QueueName {
    QueueName::parse(name).expect("a name")
}

fn job_type(name: &str) -> JobType {
    JobType::parse(name).expect("a type")
}

fn jobs(types: &[&str]) -> Vec<Arc<Job>> {
    let of_type = |(number, name): (usize, &&str)| {
        let new = NewJob::of_type(job_type(name));
        let number = u128::try_from(number).expect("a number");
        Arc::new(new.into_job(&JobDefaults::default(), DateTime::UNIX_EPOCH, number))
    };
    types.iter().enumerate().map(of_type).collect()
}

fn wait(waiters: &JobWaiters, types: &[&str], queues: &[&str], limit: u32) -> JobWaiter {
    let types: Vec<JobType> = types.iter().map(|name| job_type(name)).collect();
    let queues: Vec<QueueName> = queues.iter().map(|name| queue(name)).collect();
    waiters.wait(&types, &queues, limit)
}

/// A call that has polled once without a result.
async fn idle(waiters: &JobWaiters, types: &[&str], queues: &[&str], limit: u32) -> JobWaiter {
    let mut waiter = wait(waiters, types, queues, limit);
    waiter.polled(false);
    assert_eq!(now(&mut waiter), None);
    waiter
}

/// The jobs assigned to a call, sorted, without waiting. `None` while it waits, as an idle call.
fn now(waiter: &mut JobWaiter) -> Option<Vec<(QueueName, Vec<JobType>)>> {
    let far = Instant::now() + std::time::Duration::from_secs(3_600);
    let assigned = waiter.assigned_before(far).now_or_never()?;
    let mut assigned: Vec<(QueueName, Vec<JobType>)> = assigned
        .into_iter()
        .map(|(queue, job_types)| {
            let mut job_types = job_types.to_vec();
            job_types.sort();
            (queue, job_types)
        })
        .collect();
    assigned.sort();
    Some(assigned)
}

fn of(name: &str, types: &[&str]) -> Option<Vec<(QueueName, Vec<JobType>)>> {
    Some(vec![(queue(name), types.iter().map(|name| job_type(name)).collect())])
}

#[tokio::test]
async fn a_job_is_assigned_to_the_first_call_for_its_type_and_queue() {
    let waiters = JobWaiters::default();
    let mut other_type = idle(&waiters, &["Fax"], &[], 1).await;
    let mut other_queue = idle(&waiters, &["Mail"], &["b"], 1).await;
    let mut first = idle(&waiters, &["Mail", "Fax"], &["a", "b"], 1).await;
    let mut second = idle(&waiters, &["Mail"], &[], 1).await;
    waiters.notify(&queue("a"), &jobs(&["Mail"]));
    assert_eq!(now(&mut first), of("a", &["Mail"]));
    first.polled(false);
    for waiter in [&mut other_type, &mut other_queue, &mut second, &mut first] {
        assert_eq!(now(waiter), None);
    }
    waiters.notify(&queue("a"), &jobs(&["Mail"]));
    assert_eq!(now(&mut first), of("a", &["Mail"]), "it keeps its place");
    waiters.notify(&queue("a"), &jobs(&["Mail"]));
    assert_eq!(now(&mut second), of("a", &["Mail"]), "the first one is polling");
    waiters.notify(&queue("a"), &jobs(&["Other"]));
    for waiter in [&mut other_type, &mut other_queue] {
        assert_eq!(now(waiter), None);
    }
}

#[tokio::test]
async fn jobs_wake_as_many_calls_as_have_room_for_them() {
    let waiters = JobWaiters::default();
    let mut calls = Vec::new();
    for _ in 0..4 {
        calls.push(idle(&waiters, &["A", "B"], &[], 2).await);
    }
    waiters.notify(&queue("q"), &jobs(&["A", "B", "A", "A"]));
    let assigned: Vec<_> = calls.iter_mut().map(now).collect();
    assert_eq!(assigned, [of("q", &["A"]), of("q", &["A", "B"]), None, None]);
}

#[tokio::test]
async fn jobs_that_arrive_during_a_poll_are_polled_for_next() {
    let waiters = JobWaiters::default();
    let mut call = wait(&waiters, &["A"], &[], 1);
    waiters.notify(&queue("q"), &jobs(&["A"]));
    call.polled(false);
    assert_eq!(now(&mut call), of("q", &["A"]));
    waiters.notify(&queue("r"), &jobs(&["A"]));
    waiters.notify(&queue("q"), &jobs(&["B"]));
    call.polled(false);
    assert_eq!(now(&mut call), of("r", &["A"]));
    call.polled(false);
    assert_eq!(now(&mut call), None);
}

#[tokio::test]
async fn a_call_that_ends_passes_its_jobs_on() {
    let waiters = JobWaiters::default();
    let mut first = idle(&waiters, &["A"], &[], 1).await;
    let mut second = idle(&waiters, &["A"], &[], 1).await;
    let mut third = idle(&waiters, &["A"], &[], 1).await;
    waiters.notify(&queue("q"), &jobs(&["A"]));
    // Before it has polled, and while it polls.
    drop(first);
    assert_eq!(now(&mut second), of("q", &["A"]));
    drop(second);
    assert_eq!(now(&mut third), of("q", &["A"]));
    third.polled(false);
    assert_eq!(now(&mut third), None, "it has found none");
    drop(third);
    assert!(waiters.is_empty());
    // A call whose limit is reached may have left some.
    first = idle(&waiters, &["A"], &[], 1).await;
    second = idle(&waiters, &["A"], &[], 1).await;
    waiters.notify(&queue("q"), &jobs(&["A"]));
    assert_eq!(now(&mut first), of("q", &["A"]));
    first.polled(true);
    assert_eq!(now(&mut second), of("q", &["A"]));
}

#[tokio::test]
async fn no_key_is_left_of_calls_of_any_shape() {
    let waiters = JobWaiters::default();
    let names: Vec<String> = (0..100).map(|number| format!("N{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (types, queues) in [(1, 0), (3, 3), (100, 2), (2, 100), (100, 100)] {
        let mut call = idle(&waiters, &names[..types], &names[..queues], 1).await;
        waiters.notify(&queue("N0"), &jobs(&["N0"]));
        assert_eq!(now(&mut call), of("N0", &["N0"]), "{types} types, {queues} queues");
        waiters.notify(&queue("N1"), &jobs(&["Other"]));
        call.polled(false);
        assert_eq!(now(&mut call), None);
    }
    assert!(waiters.0.calls().has_no_keys());
}

#[tokio::test]
async fn closing_ends_all_waits() {
    let waiters = JobWaiters::default();
    let mut call = idle(&waiters, &["A"], &[], 1).await;
    waiters.close();
    assert_eq!(now(&mut call), Some(Vec::new()));
    assert!(waiters.is_closed());
}
