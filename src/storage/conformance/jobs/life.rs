//! A long life of made-up jobs, the same at every run: after each commit the storage holds what the reference
//! implementation holds, and its counters are what a recount gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::domain::job::Job;
use crate::domain::job::new_job::Due;
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::priority::Priority;
use crate::domain::job::state_machine::Cancelled;
use crate::domain::job::status::JobStatus;
use crate::domain::metrics::rollup::{TIME_BUCKET_SECONDS, TimeBucket, TimeBucketRange};
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::name::JobType;
use crate::storage::change::{Change, Claim, ClusterChange, Idempotency, JobChange, MaintenanceChange, QueueChange};
use crate::storage::conformance::case::{Case, cases_of};
use crate::storage::conformance::sample;
use crate::storage::conformance::sample::{
    at, completed, failed, finish, in_queue, job, node, queue, with_key, with_priority, with_requested_cancellation,
};
use crate::storage::conformance::subject::Subject;
use crate::storage::memory::MemoryRepository;
use crate::storage::query::{RollupFilter, TypeRollup};

pub(super) fn cases() -> Vec<Case> {
    cases_of![
        a_life_is_the_same_everywhere_1,
        a_life_is_the_same_everywhere_2,
        a_life_is_the_same_everywhere_3
    ]
}

async fn a_life_is_the_same_everywhere_1(storage: Subject) {
    live(storage, 1).await;
}

async fn a_life_is_the_same_everywhere_2(storage: Subject) {
    live(storage, 2).await;
}

async fn a_life_is_the_same_everywhere_3(storage: Subject) {
    live(storage, 3).await;
}

const COMMITS: i64 = 120;
const QUEUES: [&str; 3] = ["default", "mail", "reports"];

async fn live(storage: Subject, seed: u64) {
    let reference = Subject::alone(Arc::new(MemoryRepository::new()));
    let mut life = Life::new(seed, 20, &storage);
    for _ in 0..COMMITS {
        let changes = life.next_commit(&reference).await;
        let expected = reference.commit(&changes).await;
        let applied = storage.commit(&changes).await;
        for ((change, applied), expected) in changes.iter().zip(applied).zip(expected) {
            assert_eq!(applied, expected, "seed {seed}, second {}, {change:?}", life.second);
        }
        storage.counts_are_exact().await;
        same(&storage, &reference, &life).await;
    }
    // Of jobs that are gone as well.
    let seen: BTreeSet<JobId> = (1..=life.created).map(|number| job(number).id).collect();
    for id in seen {
        assert_eq!(storage.find(id).await, reference.find(id).await);
        assert_eq!(storage.attempts(id).await, reference.attempts(id).await);
    }
}

/// Checks that both hold the same.
async fn same(storage: &Subject, reference: &Subject, life: &Life) {
    let jobs = storage.all().await;
    assert_eq!(jobs, reference.all().await, "second {}", life.second);
    let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    assert_eq!(by_id(storage, &ids).await, by_id(reference, &ids).await);
    let now = at(life.second + 100_000);
    let queues = storage.repository.queues(now).await.expect("storage reads");
    assert_eq!(queues, reference.repository.queues(now).await.expect("storage reads"));
    let (filter, all) = (
        RollupFilter::default(),
        TimeBucketRange {
            from: TimeBucket(0),
            to: TimeBucket(i64::MAX / TIME_BUCKET_SECONDS),
        },
    );
    let sums = storage
        .repository
        .type_rollups(&filter, all)
        .await
        .expect("storage reads");
    let expected = reference
        .repository
        .type_rollups(&filter, all)
        .await
        .expect("storage reads");
    assert_eq!(sorted(sums), sorted(expected));
    let mut due = storage
        .repository
        .next_due(at(life.second))
        .await
        .expect("storage reads");
    due.sort();
    let expected = reference
        .repository
        .next_due(at(life.second))
        .await
        .expect("storage reads");
    assert_eq!(due, expected);
    let mut running = storage.repository.running_on(life.node).await.expect("storage reads");
    running.sort_by_key(|job| job.id);
    let expected = reference.repository.running_on(life.node).await.expect("storage reads");
    assert_eq!(running, expected);
}

fn sorted(mut types: BTreeMap<JobType, TypeRollup>) -> BTreeMap<JobType, TypeRollup> {
    for of_type in types.values_mut() {
        of_type.reasons.sort();
    }
    types
}

async fn by_id(storage: &Subject, ids: &[JobId]) -> Vec<Arc<Job>> {
    let mut jobs = storage.repository.jobs_by_id(ids).await.expect("storage reads");
    jobs.sort_by_key(|job| job.id);
    jobs
}

/// A sequence of commits.
pub(in crate::storage::conformance) struct Life {
    pub(in crate::storage::conformance) random: SmallRng,
    pub(in crate::storage::conformance) second: i64,
    /// Maximum number of seconds between two commits.
    pace: i64,
    created: u32,
    node: NodeId,
    claims_ahead: bool,
}

impl Life {
    pub(in crate::storage::conformance) fn new(seed: u64, pace: i64, storage: &Subject) -> Self {
        Self {
            random: SmallRng::seed_from_u64(seed),
            second: 0,
            pace,
            created: 0,
            node: node(1),
            claims_ahead: storage.repository.claims_ahead(),
        }
    }

    pub(in crate::storage::conformance) async fn next_commit(&mut self, reference: &Subject) -> Vec<Change> {
        self.second += self.random.random_range(1..self.pace);
        let mut changes = Vec::new();
        if self.created == 0 || self.random.random_bool(0.05) {
            changes.push(Change::Cluster(ClusterChange::Heartbeat {
                node: self.node,
                name: Arc::from("a node"),
                started_at: at(0),
                lease: crate::domain::values::time_span::TimeSpan::from_secs(3_600),
                job_types: Arc::default(),
                remote_types: Arc::default(),
            }));
        }
        // A commit has at most one change per job, and none of the holder of a requested key.
        let mut jobs: Vec<Arc<Job>> = Vec::new();
        for summary in reference.all().await {
            jobs.push(reference.job(summary.id).await);
        }
        let asks_for_keys = self.random.random_bool(0.3);
        let mut busy = BTreeSet::new();
        for _ in 0..self.random.random_range(1..12) {
            if self.random.random_bool(0.4) {
                changes.push(self.insert(asks_for_keys));
                continue;
            }
            let Some(job) = jobs.choose(&mut self.random) else {
                continue;
            };
            if !busy.insert(job.id) || (asks_for_keys && job.unique_key.is_some()) {
                continue;
            }
            changes.extend(self.happens_to(job));
        }
        if self.random.random_bool(0.5) {
            changes.push(self.choosing());
        }
        changes
    }

    fn insert(&mut self, asks_for_keys: bool) -> Change {
        let count = self.random.random_range(1..5);
        let jobs: Vec<Arc<Job>> = (0..count).map(|_| Arc::new(self.new_job(asks_for_keys))).collect();
        let idempotency = self.random.random_bool(0.2).then(|| Idempotency {
            key: format!("key {}", self.random.random_range(0..8)),
            fingerprint: [self.random.random_range(0..2); 32],
            created_at: at(self.second),
        });
        Change::Job(JobChange::Insert { jobs, idempotency })
    }

    fn new_job(&mut self, asks_for_keys: bool) -> Job {
        self.created += 1;
        let queue = QUEUES.choose(&mut self.random).copied().unwrap_or("default");
        let priority = Priority::BY_URGENCY
            .choose(&mut self.random)
            .copied()
            .unwrap_or_default();
        let new = in_queue(queue, with_priority(priority, job(self.created)));
        let new = Job {
            due_at: at(self.second + self.random.random_range(-50..50)),
            max_retries: self.random.random_range(0..3),
            ..new
        };
        if asks_for_keys && self.random.random_bool(0.5) {
            with_key(&format!("key {}", self.random.random_range(0..5)), new)
        } else {
            new
        }
    }

    /// A change that is possible in the job's status, or a late one.
    fn happens_to(&mut self, job: &Arc<Job>) -> Option<Change> {
        let now = at(self.second);
        let update = |after: Job| {
            Change::Job(JobChange::Update {
                before: Arc::clone(job),
                after: Arc::new(after),
            })
        };
        let stale = self.random.random_bool(0.1);
        let choice = self.random.random_range(0..4);
        Some(match job.status {
            JobStatus::Pending if stale => {
                let known = Job {
                    revision: job.revision + 3,
                    ..Job::clone(job)
                };
                sample::start([&known], self.node, now)
            }
            JobStatus::Pending if job.claimed_by.is_some() => {
                let running = job.start(self.node, now);
                let unaware = Job {
                    cancel_requested: false,
                    ..running.clone()
                };
                match choice {
                    0 if !job.cancel_requested => match job.cancel(now).ok()? {
                        Cancelled::Done(after) | Cancelled::Requested(after) => update(after),
                        Cancelled::AlreadyRequested => return None,
                    },
                    0 => sample::release([&**job], now),
                    1 if self.random.random_bool(0.5) => sample::release([&**job], now),
                    1 => sample::start([&**job], self.node, now),
                    2 => finish(&running, completed(), now),
                    _ => finish(&unaware, failed(), now),
                }
            }
            JobStatus::Pending => match choice {
                0 => sample::start([&**job], self.node, now),
                1 => match job.cancel(now).ok()? {
                    Cancelled::Done(after) | Cancelled::Requested(after) => update(after),
                    Cancelled::AlreadyRequested => return None,
                },
                2 => update(in_queue(
                    QUEUES[self.random.random_range(0..3)],
                    sample::renamed(job, "renamed"),
                )),
                _ => sample::start([&**job], node(9), now),
            },
            JobStatus::Running if stale => finish(
                &Job {
                    attempt: job.attempt + 1,
                    ..Job::clone(job)
                },
                completed(),
                now,
            ),
            JobStatus::Running => match choice {
                0 if !job.cancel_requested => update(with_requested_cancellation(job)),
                0 | 1 => {
                    // As known to a worker that has not received the request.
                    let unaware = Job {
                        cancel_requested: false,
                        ..Job::clone(job)
                    };
                    finish(&unaware, failed(), now)
                }
                2 => finish(job, completed(), now),
                _ => {
                    let outcomes = [
                        Outcome::Cancelled,
                        Outcome::Interrupted,
                        Outcome::Lost,
                        Outcome::Failed(Failure::permanent("never again")),
                    ];
                    finish(job, outcomes.choose(&mut self.random)?.clone(), now)
                }
            },
            JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => match choice {
                0 => update(
                    job.execute(
                        None,
                        Due::After(crate::domain::values::time_span::TimeSpan::from_secs(5)),
                        now,
                    )
                    .ok()?,
                ),
                1 => update(job.retry(self.random.random_bool(0.5), now).ok()?),
                2 => {
                    let known = if stale { job.revision + 1 } else { job.revision };
                    Change::Job(JobChange::Delete {
                        job: Arc::new(Job {
                            revision: known,
                            ..Job::clone(job)
                        }),
                    })
                }
                _ => return None,
            },
        })
    }

    /// A change that claims or removes all matching rows, or the first ones: the storage selects them.
    fn choosing(&mut self) -> Change {
        let of_queue = queue(QUEUES[self.random.random_range(0..3)]);
        match self.random.random_range(0..8) {
            0 => Change::Queue(QueueChange::Clear {
                queue: of_queue,
                status: if self.random.random_bool(0.5) {
                    JobStatus::Failed
                } else {
                    JobStatus::Pending
                },
                up_to: job(self.created.saturating_sub(20)).id,
                limit: u32::MAX,
            }),
            1 => Change::Maintenance(MaintenanceChange::PruneJobs {
                status: JobStatus::ALL[self.random.random_range(2..5)],
                finished_before: at(self.second - 60),
                limit: u32::MAX,
            }),
            2 => Change::Queue(QueueChange::Set {
                queue: of_queue,
                is_paused: [None, Some(true), Some(false)][self.random.random_range(0..3)],
            }),
            _ => Change::Job(JobChange::Claim(Claim {
                queue: of_queue,
                is_ahead: self.claims_ahead && self.random.random_bool(0.4),
                ..sample::claim(self.random.random_range(1..8), self.node, at(self.second))
            })),
        }
    }
}
