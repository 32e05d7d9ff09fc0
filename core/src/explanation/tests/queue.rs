//! The sums for queues.

use super::{case, due, job_type, server};
use crate::explanation::{
    Counted, HandlerFacts, Pause, PendingOfType, QueueBacklog, QueueExplanation, Runner, explain_queue, held_types,
};

fn pending(name: &str, jobs: u64, runners: Vec<Runner>) -> PendingOfType {
    let handlers = HandlerFacts {
        job_type: job_type(name),
        runners,
        ..case(due()).handlers
    };
    PendingOfType { handlers, jobs }
}

fn counted(jobs: u64) -> Option<Counted> {
    Some(Counted { jobs, is_exact: true })
}

fn shares(explanation: &QueueExplanation) -> Vec<(&'static str, u64, bool)> {
    let shares = explanation.shares.iter();
    shares
        .map(|share| (share.cause.code(), share.jobs, share.is_exact))
        .collect()
}

#[test]
fn each_pending_job_counts_once() {
    let facts = case(due());
    let types = vec![
        pending("MailJob", 1_150, vec![server("web-1", 10, 10)]),
        pending("ReportJob", 40, vec![server("web-1", 10, 10)]),
        pending("Typo", 14, Vec::new()),
    ];
    let groups = held_types(&facts.queue, &types, &facts.cluster);
    assert_eq!(
        groups,
        [vec![job_type("MailJob"), job_type("ReportJob")], vec![job_type("Typo")]]
    );
    let backlog = QueueBacklog {
        types,
        later: counted(95),
        later_by_group: vec![counted(90), counted(5)],
    };
    let explanation = explain_queue(&facts.queue, &backlog, &facts.cluster);
    assert_eq!(
        shares(&explanation),
        [
            ("workers-busy", 1_100, true),
            ("scheduled", 90, true),
            ("nobody-runs-type", 14, true)
        ]
    );
    assert_eq!(
        explanation.summary,
        "1,204 jobs wait: 1,100 for a worker, 90 for the due time, 14 for a handler of the type"
    );
    assert_eq!(
        explanation.shares[0].cause.message(),
        "all 10 workers of queue 'mail' are busy"
    );
}

#[test]
fn a_paused_queue_holds_its_due_jobs() {
    let mut facts = case(due());
    facts.queue.pause = Some(Pause::default());
    let backlog = QueueBacklog {
        types: vec![pending("MailJob", 3, vec![server("web-1", 10, 0)])],
        later: counted(1),
        later_by_group: Vec::new(),
    };
    let explanation = explain_queue(&facts.queue, &backlog, &facts.cluster);
    assert_eq!(
        shares(&explanation),
        [("queue-paused", 2, true), ("scheduled", 1, true)]
    );
    assert_eq!(
        explanation.summary,
        "3 jobs wait: 2 for the queue to be resumed, 1 for the due time"
    );
}

#[test]
fn a_queue_without_pending_jobs_has_no_reason() {
    let facts = case(due());
    let backlog = QueueBacklog {
        types: Vec::new(),
        later: counted(0),
        later_by_group: Vec::new(),
    };
    let explanation = explain_queue(&facts.queue, &backlog, &facts.cluster);
    assert_eq!((&*explanation.summary, explanation.pending), ("no job is pending", 0));
    assert!(explanation.shares.is_empty());
}

#[test]
fn a_number_that_was_not_counted_to_its_end_is_not_exact() {
    let facts = case(due());
    let later = Some(Counted {
        jobs: 10_000,
        is_exact: false,
    });
    let backlog = |later| QueueBacklog {
        types: vec![pending("MailJob", 25_000, vec![server("web-1", 10, 0)])],
        later,
        later_by_group: Vec::new(),
    };
    let explanation = explain_queue(&facts.queue, &backlog(later), &facts.cluster);
    assert_eq!(
        shares(&explanation),
        [("next", 15_000, false), ("scheduled", 10_000, false)]
    );
    let unknown = explain_queue(&facts.queue, &backlog(None), &facts.cluster);
    assert_eq!(shares(&unknown), [("next", 25_000, false)]);
    assert_eq!(unknown.summary, "25,000 jobs wait to be started");
}

#[test]
fn types_without_a_handler_are_named_together() {
    let facts = case(due());
    let types = ["A", "B"].map(|name| pending(name, 1, Vec::new()));
    let backlog = QueueBacklog {
        types: types.to_vec(),
        later: None,
        later_by_group: Vec::new(),
    };
    let explanation = explain_queue(&facts.queue, &backlog, &facts.cluster);
    assert_eq!(shares(&explanation), [("nobody-runs-type", 2, true)]);
    assert_eq!(
        explanation.shares[0].cause.message(),
        "no server has a handler for type 'A', 'B', and no registered worker runs it in queue 'mail'"
    );
    assert_eq!(explanation.summary, "2 jobs wait for a handler of the type");
}
