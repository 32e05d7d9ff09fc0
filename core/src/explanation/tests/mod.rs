//! The rules as sentences: a test for each reason.

mod queue;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::job::Job;
use crate::job::attempt::AttemptStatus;
use crate::job::new_job::{Due, JobDefaults, NewJob};
use crate::job::outcome::{Failure, Outcome};
use crate::job::retry::Jitter;
use crate::job::status::JobStatus;
use crate::metrics::health::HealthReason;
use crate::queue::rate_limit::RateLimit;
use crate::values::id::NodeId;
use crate::values::name::{JobType, QueueName};
use crate::values::time_span::TimeSpan;

/// The time of the tests: 2026-11-29T17:00:00Z.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_971_600, 0).expect("a time")
}

fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}

fn node(number: u128) -> NodeId {
    NodeId::from_uuid(uuid::Uuid::from_u128(number))
}

fn job_type(name: &str) -> JobType {
    JobType::parse(name).expect("a type")
}

fn created(due: Due, at: DateTime<Utc>) -> Job {
    let new = NewJob {
        due,
        ..NewJob::of_type(job_type("MailJob"))
    };
    new.into_job(&JobDefaults::default(), at, 1)
}

fn server(name: &str, workers: u32, busy: u32) -> Runner {
    Runner {
        id: node(1),
        name: Arc::from(name),
        kind: RunnerKind::Server,
        workers,
        busy,
        is_draining: false,
    }
}

/// Facts of which nothing holds a due job.
struct Case {
    job: JobFacts,
    queue: QueueFacts,
    handlers: HandlerFacts,
    cluster: ClusterFacts,
    line: Option<LineFacts>,
}

fn case(job: Job) -> Case {
    Case {
        job: JobFacts {
            job: Arc::new(job),
            last_attempt: None,
            losses: 0,
            holder: None,
        },
        queue: QueueFacts {
            name: QueueName::parse("mail").expect("a name"),
            pause: None,
            rate: None,
        },
        handlers: HandlerFacts {
            job_type: job_type("MailJob"),
            runners: vec![server("web-1", 10, 3)],
            is_incomplete: false,
            nearest: None,
            limit: None,
        },
        cluster: ClusterFacts {
            live_servers: 1,
            storage_problems: Vec::new(),
        },
        line: None,
    }
}

impl Case {
    fn explain(&self) -> Explanation {
        explain(&Facts {
            now: now(),
            job: &self.job,
            queue: &self.queue,
            handlers: &self.handlers,
            cluster: &self.cluster,
            line: self.line,
        })
    }

    fn codes(&self) -> Vec<&'static str> {
        self.explain().reasons.iter().map(Reason::code).collect()
    }

    /// Checks the only reason, and returns it.
    fn only(&self, code: &str, message: &str) -> Reason {
        let explanation = self.explain();
        let [reason] = explanation.reasons.as_slice() else {
            panic!("one reason: {explanation:?}");
        };
        assert_eq!((reason.code(), &*reason.message()), (code, message));
        assert_eq!(explanation.summary, message);
        reason.clone()
    }
}

fn due() -> Job {
    created(Due::Now, now())
}

fn holder(is_live: bool) -> Option<Holder> {
    Some(Holder {
        id: node(1),
        name: Some(Arc::from("web-1")),
        kind: RunnerKind::Server,
        heartbeat_at: Some(now() - seconds(3)),
        lease_until: Some(now() - seconds(1)),
        is_live,
    })
}

#[test]
fn a_job_that_nothing_holds_is_next() {
    let reason = case(due()).only("next", "nothing holds it; it is about to start");
    assert_eq!(
        (reason.since(), reason.until(), reason.remedy()),
        (Some(now()), None, None)
    );
}

#[test]
fn a_job_that_nothing_holds_for_long_is_a_fault_of_the_server() {
    let reason = case(created(Due::Now, now() - seconds(72))).only(
        "next",
        "nothing holds it, although it has been due for 00:01:12: this is a fault of the server",
    );
    assert_eq!(reason.remedy(), Some("report it, with the log of the server"));
    let at_the_limit = case(created(Due::Now, now() - seconds(5)));
    assert!(at_the_limit.explain().summary.ends_with("about to start"));
}

#[test]
fn a_job_of_remote_workers_waits_to_be_leased() {
    let mut case = case(created(Due::Now, now() - seconds(60)));
    case.handlers.runners = vec![Runner {
        kind: RunnerKind::Worker,
        ..server("mailer", 2, 1)
    }];
    let reason = case.only("next", "nothing holds it; it waits to be leased by a worker: 'mailer'");
    assert_eq!(reason.remedy(), Some("check that the worker leases jobs of its queue"));
}

#[test]
fn a_job_with_a_later_due_time_is_scheduled() {
    let due_at = now() + seconds(1_560);
    let reason =
        case(created(Due::At(due_at), now())).only("scheduled", "it is due at 2026-11-29T17:26:00Z, in 00:26:00");
    assert_eq!((reason.since(), reason.until()), (Some(now()), Some(due_at)));
    let delayed = case(created(Due::After(TimeSpan::from_secs(90)), now() - seconds(30)));
    delayed.only("scheduled", "it is due at 2026-11-29T17:01:00Z, in 00:01:00");
}

fn ended_at(at: DateTime<Utc>, outcome: Outcome) -> (Job, AttemptStatus) {
    let job = Job {
        max_retries: 3,
        ..created(Due::Now, at)
    };
    let (after, attempt) = job.start(node(1), at).finish(outcome, at, Jitter::new(0.0));
    (after, attempt.status)
}

#[test]
fn a_failed_attempt_waits_for_its_retry() {
    let at = now() - seconds(4);
    let (job, status) = ended_at(at, Outcome::Failed(Failure::new("mailbox full")));
    let mut case = case(job);
    case.job.last_attempt = Some((status, Some(at)));
    let reason = case.only(
        "retry-wait",
        "attempt 1 failed; attempt 2 starts at 2026-11-29T17:00:06Z, in 00:00:06",
    );
    let evidence = reason.evidence();
    assert_eq!(
        (evidence.attempt, evidence.retries, evidence.max_retries, evidence.error),
        (Some(1), Some(1), Some(3), Some("mailbox full"))
    );
    assert_eq!((reason.since(), reason.until()), (Some(at), Some(now() + seconds(6))));
}

#[test]
fn a_failed_job_that_a_caller_executes_later_is_scheduled() {
    let at = now() - seconds(60);
    let (job, status) = ended_at(at, Outcome::Failed(Failure::permanent("mailbox full")));
    let executed = job
        .execute(None, Due::After(TimeSpan::from_secs(60)), now())
        .expect("a failed job");
    let mut case = case(executed);
    case.job.last_attempt = Some((status, Some(at)));
    case.only("scheduled", "it is due at 2026-11-29T17:01:00Z, in 00:01:00");
}

#[test]
fn a_job_whose_nodes_were_lost_waits() {
    let at = now() - seconds(1);
    let running = created(Due::Now, at).start(node(1), at);
    let (job, attempt) = running.lose(2, at);
    let mut case = case(job);
    case.job.last_attempt = Some((attempt.status, Some(at)));
    case.job.losses = 3;
    let reason = case.only(
        "loss-wait",
        "the node of attempt 1 was lost, 3 losses in a row; attempt 2 starts at 2026-11-29T17:00:03Z, in 00:00:03",
    );
    assert_eq!(reason.evidence().losses, Some(3));
}

#[test]
fn a_job_of_a_clock_that_is_ahead_waits_for_this_clock() {
    let ahead = now() + seconds(7_200);
    let reason = case(created(Due::Now, ahead)).only(
        "clock-behind",
        "it was stored at 2026-11-29T19:00:00Z by a clock that is 02:00:00 ahead of this server's",
    );
    assert_eq!(reason.evidence().clock_ahead, Some(TimeSpan::from_secs(7_200)));
    let delayed = case(created(Due::After(TimeSpan::from_secs(60)), ahead));
    assert_eq!(
        delayed.codes(),
        ["scheduled", "clock-behind"],
        "the one that ends last first"
    );
}

#[test]
fn a_paused_queue_holds_its_jobs() {
    let mut case = case(due());
    case.queue.pause = Some(Pause::default());
    case.only("queue-paused", "queue 'mail' is paused");
    case.queue.pause = Some(Pause {
        since: Some(now() - seconds(3_600)),
        by: Some(Arc::from("ann")),
    });
    let reason = case.only(
        "queue-paused",
        "queue 'mail' is paused, by ann since 2026-11-29T16:00:00Z",
    );
    assert_eq!(reason.since(), Some(now() - seconds(3_600)));
    assert_eq!(
        (reason.remedy(), reason.evidence().by),
        (Some("resume the queue"), Some("ann"))
    );
}

#[test]
fn a_type_without_a_handler_has_a_suggestion() {
    let mut case = case(due());
    case.handlers.runners.clear();
    case.only(
        "nobody-runs-type",
        "no server has a handler for type 'MailJob', and no registered worker runs it in queue 'mail'",
    );
    case.handlers.nearest = Some(job_type("MailsJob"));
    let reason = case.only(
        "nobody-runs-type",
        "no server has a handler for type 'MailJob', and no registered worker runs it in queue 'mail'; the most similar \
         known type is 'MailsJob'",
    );
    assert_eq!(reason.evidence().nearest_type, Some("MailsJob"));
    case.handlers.is_incomplete = true;
    assert_eq!(case.codes(), ["next"], "a server of an older version may run it");
}

#[test]
fn draining_servers_start_nothing() {
    let mut case = case(due());
    case.handlers.runners = vec![
        Runner {
            is_draining: true,
            ..server("web-1", 10, 0)
        },
        Runner {
            is_draining: true,
            ..server("web-2", 10, 0)
        },
    ];
    case.only(
        "node-draining",
        "all servers that run its type drain or stop: web-1, web-2",
    );
    case.handlers.runners[1].is_draining = false;
    assert_eq!(case.codes(), ["next"]);
}

#[test]
fn no_server_with_a_lease_starts_nothing() {
    let mut case = case(due());
    case.cluster.live_servers = 0;
    case.only("no-node", "no server has a valid lease, so that none starts jobs");
}

#[test]
fn storage_with_problems_starts_nothing() {
    let mut case = case(due());
    case.cluster.storage_problems = vec![HealthReason::DiskFull { free: 0 }];
    let explanation = case.explain();
    assert!(
        explanation.summary.starts_with("storage has problems: "),
        "{explanation:?}"
    );
    assert_eq!(explanation.reasons[0].evidence().problems, ["disk-full"]);
}

#[test]
fn busy_workers_hold_a_due_job_and_no_later_one() {
    let mut case = case(due());
    case.handlers.runners = vec![server("web-1", 10, 10)];
    case.only("workers-busy", "all 10 workers of queue 'mail' are busy");
    case.handlers.runners = vec![server("web-1", 1, 1)];
    case.only("workers-busy", "the only worker of queue 'mail' is busy");
    case.handlers.runners = vec![
        server("web-1", 10, 11),
        Runner {
            kind: RunnerKind::Worker,
            ..server("mailer", 2, 2)
        },
        Runner {
            is_draining: true,
            ..server("web-2", 10, 0)
        },
    ];
    case.only(
        "workers-busy",
        "all 12 workers of queue 'mail' are busy, on server 'web-1', worker 'mailer'",
    );
    case.job.job = Arc::new(created(Due::After(TimeSpan::from_secs(60)), now()));
    assert_eq!(case.codes(), ["scheduled"]);
}

#[test]
fn a_type_at_its_concurrency_limit_waits() {
    let mut case = case(due());
    let limit = TypeLimit {
        server: Arc::from("web-1"),
        limit: 2,
        running: 2,
    };
    case.handlers.limit = Some(limit.clone());
    case.only("type-limit", "2 of 2 jobs of type 'MailJob' run on server 'web-1'");
    case.handlers.limit = Some(TypeLimit { running: 1, ..limit });
    assert_eq!(case.codes(), ["next"]);
}

#[test]
fn a_rate_limit_names_the_next_start() {
    let mut case = case(due());
    let next_start = now() + seconds(6);
    case.queue.rate = Some(RateFacts {
        limit: RateLimit::parse("10/m").expect("a rate"),
        next_start: Some(next_start),
    });
    let reason = case.only(
        "queue-rate",
        "the rate limit of queue 'mail', 10/m on each server, is used up; the next job starts at 2026-11-29T17:00:06Z",
    );
    assert_eq!(reason.until(), Some(next_start));
    case.queue.rate = None;
    assert_eq!(case.codes(), ["next"]);
}

fn in_line(ahead: u64) -> Case {
    let mut case = case(due());
    case.handlers.runners = vec![server("web-1", 2, 2)];
    case.line = Some(LineFacts {
        ahead,
        started: (30, now() - seconds(600)),
    });
    case
}

#[test]
fn jobs_before_it_are_counted_up_to_a_limit() {
    let messages = |case: &Case| case.explain().summary;
    assert_eq!(in_line(0).codes(), ["workers-busy"]);
    assert!(messages(&in_line(1)).ends_with("; 1 due job of queue 'mail' starts before it"));
    assert!(messages(&in_line(1_000)).ends_with("; 1,000 due jobs of queue 'mail' start before it"));
    let many = in_line(1_001);
    assert!(messages(&many).ends_with("; 1,000 or more due jobs of queue 'mail' start before it"));
    let explanation = many.explain();
    let evidence = explanation.reasons[1].evidence();
    assert_eq!((evidence.ahead, evidence.is_exact), (Some(1_000), Some(false)));
    assert_eq!(explanation.estimate, None, "too many to be counted");
    let mut free = in_line(7);
    free.handlers.runners = vec![server("web-1", 2, 1)];
    assert_eq!(free.codes(), ["next"], "no line where a worker is free");
}

#[test]
fn the_start_of_a_job_in_line_is_estimated_by_recent_starts() {
    let estimate = in_line(14).explain().estimate.expect("an estimate");
    assert_eq!(estimate.starts_at, now() + seconds(300));
    assert_eq!(
        estimate.basis,
        "30 starts of this queue since 2026-11-29T16:50:00Z, and 14 jobs before it"
    );
    let mut limited = in_line(14);
    let next_start = now() + seconds(3_000);
    limited.queue.rate = Some(RateFacts {
        limit: RateLimit::parse("1/h").expect("a rate"),
        next_start: Some(next_start),
    });
    let estimate = limited.explain().estimate.expect("an estimate");
    assert_eq!(estimate.starts_at, next_start, "not before the next token");
    let mut idle = in_line(14);
    idle.line = Some(LineFacts {
        ahead: 14,
        started: (0, now() - seconds(600)),
    });
    assert_eq!(idle.explain().estimate, None);
}

#[test]
fn all_reasons_that_hold_are_given_the_one_that_ends_last_first() {
    let mut case = case(created(Due::After(TimeSpan::from_secs(60)), now()));
    case.queue.pause = Some(Pause::default());
    case.handlers.runners.clear();
    assert_eq!(case.codes(), ["nobody-runs-type", "queue-paused", "scheduled"]);
    assert_eq!(
        case.explain().summary,
        "no server has a handler for type 'MailJob', and no registered worker runs it in queue 'mail'; queue 'mail' is \
         paused; it is due at 2026-11-29T17:01:00Z, in 00:01:00"
    );
}

#[test]
fn a_running_job_names_its_node_and_its_timeout() {
    let mut running = case(created(Due::Now, now()).start(node(1), now()));
    running.job.holder = holder(true);
    let reason = running.only("running", "attempt 1 runs on server 'web-1' since 2026-11-29T17:00:00Z");
    let timeout = running.job.job.timeout;
    assert_eq!(reason.until(), Some(now() + timeout.to_delta()));
    let cancelling = Job {
        cancel_requested: true,
        ..Job::clone(&running.job.job)
    };
    running.job.job = Arc::new(cancelling);
    let reason = running.only(
        "running",
        "attempt 1 runs on server 'web-1' since 2026-11-29T17:00:00Z; its cancellation was requested",
    );
    assert_eq!(
        reason.remedy(),
        Some("wait: the attempt is abandoned after the grace period")
    );
    assert_eq!(running.explain().state, JobStatus::Running);
}

#[test]
fn a_running_job_of_a_lost_node_is_recovered() {
    let mut running = case(created(Due::Now, now()).start(node(1), now()));
    running.job.holder = holder(false);
    running.only(
        "node-lost",
        "attempt 1 ran on server 'web-1', whose lease ended at 2026-11-29T16:59:59Z; another node recovers it",
    );
    running.job.holder = Some(Holder {
        id: node(7),
        name: None,
        kind: RunnerKind::Server,
        heartbeat_at: None,
        lease_until: None,
        is_live: false,
    });
    running.only(
        "node-lost",
        "attempt 1 ran on server '00000000-0000-0000-0000-000000000007', whose lease has ended; another node recovers it",
    );
}

#[test]
fn a_job_that_is_claimed_ahead_names_its_node() {
    let mut claimed = case(due().claim(node(1)));
    claimed.job.holder = holder(true);
    claimed.only(
        "claimed",
        "server 'web-1' has claimed it, and starts it as soon as a worker is free",
    );
    assert_eq!(claimed.explain().state, JobStatus::Pending);
    claimed.job.holder = holder(false);
    assert_eq!(claimed.codes(), ["node-lost"]);
}

#[test]
fn an_ended_job_has_its_outcome() {
    let at = now() - seconds(60);
    let (completed, _) = ended_at(at, Outcome::Completed(None));
    let reason = case(completed).only("ended", "it completed at 2026-11-29T16:59:00Z");
    assert_eq!((reason.since(), reason.remedy()), (Some(at), None));
    let (failed, _) = ended_at(at, Outcome::Failed(Failure::permanent("mailbox full")));
    let reason = case(failed).only(
        "ended",
        "it failed at 2026-11-29T16:59:00Z, after 1 attempt: mailbox full",
    );
    assert_eq!(reason.remedy(), Some("correct the cause, and retry the job"));
    let (cancelled, _) = ended_at(at, Outcome::Cancelled);
    case(cancelled).only("ended", "it was cancelled at 2026-11-29T16:59:00Z");
}
