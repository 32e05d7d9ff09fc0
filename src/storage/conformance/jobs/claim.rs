//! Claims of due jobs.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::domain::job::Job;
use crate::domain::job::outcome::Outcome;
use crate::domain::job::priority::Priority;
use crate::domain::values::id::JobId;
use crate::domain::values::json::Json;
use crate::domain::values::name::JobType;
use crate::storage::change::{Applied, ByteLimit, Change, ChangeError, Claim, ClusterChange, Inserted, JobChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{
    at, claim, in_queue, insert, job, job_type, jobs, node, queue, with_priority,
};
use crate::storage::conformance::subject::Subject;

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_claim_returns_the_most_urgent_jobs_first,
        a_claim_crosses_priorities_and_stops_at_its_limit,
        jobs_of_one_due_time_are_claimed_in_the_order_of_their_age,
        a_claimed_job_is_stored_as_it_was_returned,
        a_claim_returns_only_due_jobs,
        a_claim_returns_only_the_requested_types,
        a_claim_returns_only_jobs_of_its_queue,
        a_claim_returns_only_pending_jobs,
        a_claim_never_exceeds_its_limit,
        a_claim_never_exceeds_its_limit_of_bytes,
        two_claims_never_take_one_job,
        a_claim_sees_what_its_commit_has_stored,
        a_node_without_a_lease_claims_nothing,
        many_jobs_of_many_types_are_claimed,
        jobs_of_some_types_are_found_in_their_order_among_many_others,
    ]
}

async fn claimed(storage: &Subject, claim: Claim) -> Vec<Job> {
    taken(storage.apply(Change::Job(JobChange::Claim(claim))).await)
}

fn taken(applied: Result<Applied, ChangeError>) -> Vec<Job> {
    match applied {
        Ok(Applied::Claimed(jobs)) => jobs.iter().map(|job| Job::clone(job)).collect(),
        other => panic!("unexpected result of a claim: {other:?}"),
    }
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

fn due_at(seconds: i64, job: Job) -> Job {
    Job {
        due_at: at(seconds),
        ..job
    }
}

async fn a_claim_returns_the_most_urgent_jobs_first(storage: Subject) {
    let node = storage.live_node(1).await;
    let low = with_priority(Priority::Low, due_at(1, job(1)));
    let normal_late = due_at(9, job(2));
    let normal_early = due_at(5, job(3));
    let high = with_priority(Priority::High, due_at(8, job(4)));
    let critical = with_priority(Priority::Critical, due_at(9, job(5)));
    let all = [
        low.clone(),
        normal_late.clone(),
        normal_early.clone(),
        high.clone(),
        critical.clone(),
    ];
    storage.insert(&all).await;
    let found = claimed(&storage, claim(10, node, at(100))).await;
    assert_eq!(ids(&found), ids(&[critical, high, normal_early, normal_late, low]));
    storage.counts_are_exact().await;
}

async fn a_claim_crosses_priorities_and_stops_at_its_limit(storage: Subject) {
    let node = storage.live_node(1).await;
    let mut all = Vec::new();
    for (number, priority) in (0..12).zip(Priority::BY_URGENCY.into_iter().cycle()) {
        all.push(with_priority(priority, due_at(i64::from(number), job(number))));
    }
    storage.insert(&all).await;
    all.sort_by_key(|job| (std::cmp::Reverse(job.priority), job.due_at));
    let first = claimed(&storage, claim(7, node, at(100))).await;
    assert_eq!(ids(&first), ids(&all[..7]));
    storage.counts_are_exact().await;
    let second = claimed(&storage, claim(7, node, at(100))).await;
    assert_eq!(ids(&second), ids(&all[7..]));
    assert_eq!(claimed(&storage, claim(7, node, at(100))).await, []);
    storage.counts_are_exact().await;
}

async fn jobs_of_one_due_time_are_claimed_in_the_order_of_their_age(storage: Subject) {
    let node = storage.live_node(1).await;
    let all: Vec<Job> = jobs(20).into_iter().map(|job| due_at(50, job)).collect();
    for job in all.iter().rev() {
        storage.insert(std::slice::from_ref(job)).await;
    }
    let found = claimed(&storage, claim(9, node, at(50))).await;
    assert_eq!(ids(&found), ids(&all[..9]));
}

async fn a_claimed_job_is_stored_as_it_was_returned(storage: Subject) {
    let live = storage.live_node(1).await;
    storage.insert(&[job(1)]).await;
    let now = at(100) + TimeDelta::microseconds(654_321);
    let found = claimed(&storage, claim(1, live, now)).await;
    assert_eq!(found, [job(1).start(live, now)]);
    storage.holds(&found).await;
    // A job with a past keeps it.
    let waiting = storage.finish(&found[0], sample::failed()).await;
    let again = claimed(&storage, claim(1, live, waiting.due_at)).await;
    assert_eq!(again, [waiting.start(live, waiting.due_at)]);
    storage.holds(&again).await;
}

async fn a_claim_returns_only_due_jobs(storage: Subject) {
    let node = storage.live_node(1).await;
    let now = at(100);
    let just_due = Job { due_at: now, ..job(1) };
    let not_yet = Job {
        due_at: now + TimeDelta::microseconds(1),
        ..with_priority(Priority::Critical, job(2))
    };
    storage.insert(&[just_due.clone(), not_yet.clone()]).await;
    assert_eq!(ids(&claimed(&storage, claim(10, node, now)).await), [just_due.id]);
    assert_eq!(claimed(&storage, claim(10, node, now)).await, []);
    storage.holds(&[not_yet]).await;
}

async fn a_claim_returns_only_the_requested_types(storage: Subject) {
    let node = storage.live_node(1).await;
    let of_type = |name, job| Job {
        job_type: job_type(name),
        ..job
    };
    let all = [
        of_type("A", job(1)),
        of_type("B", job(2)),
        of_type("a", job(3)),
        of_type("C`1[[x,y]]", job(4)),
        of_type("Ä", job(5)),
    ];
    storage.insert(&all).await;
    let of_types = |types: &[&str]| Claim {
        job_types: types.iter().map(|name| job_type(name)).collect(),
        ..claim(10, node, at(100))
    };
    assert_eq!(claimed(&storage, of_types(&["D"])).await, []);
    assert_eq!(claimed(&storage, of_types(&[])).await, []);
    let found = claimed(&storage, of_types(&["Ä", "A", "C`1[[x,y]]"])).await;
    assert_eq!(ids(&found), [job(1).id, job(4).id, job(5).id]);
    storage.counts_are_exact().await;
}

async fn a_claim_returns_only_jobs_of_its_queue(storage: Subject) {
    let node = storage.live_node(1).await;
    storage
        .insert(&[
            in_queue("mail", job(1)),
            in_queue("Mail", job(2)),
            in_queue("mail2", job(3)),
        ])
        .await;
    let of_queue = |name| Claim {
        queue: queue(name),
        ..claim(10, node, at(100))
    };
    assert_eq!(claimed(&storage, of_queue("unused")).await, []);
    assert_eq!(storage.queue("unused").await, None, "a claim creates no queue");
    assert_eq!(ids(&claimed(&storage, of_queue("mail")).await), [job(1).id]);
    storage.counts_are_exact().await;
}

async fn a_claim_returns_only_pending_jobs(storage: Subject) {
    let node = storage.live_node(1).await;
    let running = storage.insert_running(job(1), node).await;
    let ended = storage.insert_running(job(2), node).await;
    let ended = storage.finish(&ended, Outcome::Completed(None)).await;
    assert_eq!(claimed(&storage, claim(10, node, at(9_999))).await, []);
    storage.holds(&[running, ended]).await;
}

async fn a_claim_never_exceeds_its_limit(storage: Subject) {
    let node = storage.live_node(1).await;
    storage.insert(&jobs(30)).await;
    assert_eq!(claimed(&storage, claim(0, node, at(100))).await, []);
    let mut taken = 0;
    for limit in [1, 2, 5, 8] {
        let found = claimed(&storage, claim(limit, node, at(100))).await;
        assert_eq!(u32::try_from(found.len()), Ok(limit));
        taken += limit;
        let running = storage.repository.running_on(node).await.expect("storage reads");
        assert_eq!(
            u32::try_from(running.len()),
            Ok(taken),
            "an incomplete claim claims nothing"
        );
    }
    assert_eq!(claimed(&storage, claim(u32::MAX, node, at(100))).await.len(), 14);
    storage.counts_are_exact().await;
}

async fn a_claim_never_exceeds_its_limit_of_bytes(storage: Subject) {
    let node = storage.live_node(1).await;
    let sized = |number, bytes: usize| Job {
        parameters: Json::from_valid(format!("\"{}\"", "x".repeat(bytes - 2))),
        ..job(number)
    };
    let all = [
        with_priority(Priority::Critical, sized(1, 400)),
        sized(2, 300),
        sized(3, 300),
        sized(4, 2_000),
        with_priority(Priority::Low, sized(5, 10)),
    ];
    storage.insert(&all).await;
    let of_size = |max, first_always| Claim {
        bytes: Some(ByteLimit { max, first_always }),
        ..claim(10, node, at(100))
    };
    assert_eq!(claimed(&storage, of_size(399, false)).await, []);
    let two = claimed(&storage, of_size(999, true)).await;
    assert_eq!(ids(&two), ids(&all[..2]));
    storage.holds(&two).await;
    assert_eq!(ids(&claimed(&storage, of_size(300, false)).await), ids(&all[2..3]));
    // A less urgent job does not overtake one that does not fit.
    assert_eq!(claimed(&storage, of_size(1_000, false)).await, []);
    let types = Claim {
        job_types: ["MailJob", "OtherJob"].map(job_type).into(),
        ..of_size(1_000, true)
    };
    assert_eq!(ids(&claimed(&storage, types).await), ids(&all[3..4]));
    assert_eq!(ids(&claimed(&storage, of_size(10, false)).await), ids(&all[4..]));
    storage.counts_are_exact().await;
}

async fn two_claims_never_take_one_job(storage: Subject) {
    let node = storage.live_node(1).await;
    storage.insert(&jobs(10)).await;
    let both = [3, 4].map(|limit| Change::Job(JobChange::Claim(claim(limit, node, at(100)))));
    let mut all = Vec::new();
    for applied in storage.commit(&both).await {
        all.extend(taken(applied));
    }
    all.extend(claimed(&storage, claim(10, node, at(100))).await);
    assert_eq!(ids(&all), ids(&jobs(10)));
    storage.counts_are_exact().await;
}

/// Claims are applied last, at any position in a commit.
async fn a_claim_sees_what_its_commit_has_stored(storage: Subject) {
    let node = storage.live_node(1).await;
    let changes = [Change::Job(JobChange::Claim(claim(10, node, at(100)))), insert(jobs(2))];
    let applied = storage.commit(&changes).await;
    assert_eq!(applied[1], Ok(Applied::Inserted(vec![Inserted::New; 2])));
    assert_eq!(ids(&taken(applied[0].clone())), ids(&jobs(2)));
    storage.counts_are_exact().await;
}

async fn a_node_without_a_lease_claims_nothing(storage: Subject) {
    storage.insert(&jobs(2)).await;
    let refused = Err(ChangeError::NoLease);
    let never = Change::Job(JobChange::Claim(claim(10, node(5), at(100))));
    assert_eq!(storage.apply(never).await, refused);
    let left = storage.live_node(6).await;
    storage
        .apply(Change::Cluster(ClusterChange::Leave { node: left }))
        .await
        .expect("a node can leave");
    let changes = [
        Change::Job(JobChange::Claim(claim(10, left, at(100)))),
        insert([job(3)]),
    ];
    let applied = storage.commit(&changes).await;
    assert_eq!(applied, [refused, Ok(Applied::Inserted(vec![Inserted::New]))]);
    storage.holds(&jobs(2)).await;
    storage.counts_are_exact().await;
}

async fn many_jobs_of_many_types_are_claimed(storage: Subject) {
    let node = storage.live_node(1).await;
    let types: Arc<[JobType]> = (0..300).map(|number| job_type(&format!("Type{number}"))).collect();
    let all: Vec<Job> = jobs(1_200)
        .into_iter()
        .zip(types.iter().cycle())
        .map(|(job, job_type)| Job {
            job_type: job_type.clone(),
            ..job
        })
        .collect();
    storage.insert(&all).await;
    let many = Claim {
        job_types: Arc::clone(&types),
        ..claim(1_000, node, at(9_999))
    };
    let found = claimed(&storage, many).await;
    assert_eq!(ids(&found), ids(&all[..1_000]));
    storage.counts_are_exact().await;
}

async fn jobs_of_some_types_are_found_in_their_order_among_many_others(storage: Subject) {
    let node = storage.live_node(1).await;
    let of_type = |name, job| Job {
        job_type: job_type(name),
        ..job
    };
    let others: Vec<Job> = jobs(1_500).into_iter().map(|job| of_type("Other", job)).collect();
    storage.insert(&others).await;
    let requested = [
        with_priority(Priority::High, of_type("B", due_at(9_000, job(2_000)))),
        of_type("A", due_at(3_000, job(2_001))),
        of_type("B", due_at(3_001, job(2_002))),
        of_type("A", due_at(3_002, job(2_003))),
        with_priority(Priority::Low, of_type("A", due_at(1, job(2_004)))),
    ];
    storage.insert(&requested).await;
    storage
        .insert(&[
            of_type("A", due_at(20_000, job(2_005))),
            in_queue("elsewhere", of_type("B", job(2_006))),
        ])
        .await;
    let of_types = |limit, names: &[&str]| Claim {
        job_types: names.iter().map(|name| job_type(name)).collect(),
        ..claim(limit, node, at(10_000))
    };
    let first = claimed(&storage, of_types(3, &["A", "B", "C"])).await;
    assert_eq!(ids(&first), ids(&requested[..3]));
    storage.holds(&first).await;
    let second = claimed(&storage, of_types(10, &["C", "A", "B"])).await;
    assert_eq!(ids(&second), ids(&requested[3..]));
    assert_eq!(claimed(&storage, of_types(10, &["A"])).await, []);
    assert_eq!(claimed(&storage, of_types(10, &["B", "C"])).await, []);
    let last = claimed(&storage, of_types(2, &["Other", "A"])).await;
    assert_eq!(ids(&last), ids(&others[..2]));
    storage.counts_are_exact().await;
}
