//! The simulated world: storage, the nodes, messages in flight, and invariants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::coverage::Seen;
use super::node::{LEASE, Node, start, steady};
use super::step::{Act, Step};
use crate::domain::cluster::leadership::FencingToken;
use crate::domain::cluster::node_lease::Moment;
use crate::domain::cron::CronExpression;
use crate::domain::job::new_job::{Due, JobDefaults, NewJob};
use crate::domain::job::outcome::{Failure, Outcome};
use crate::domain::job::priority::Priority;
use crate::domain::job::retry::Jitter;
use crate::domain::job::state_machine::Cancelled;
use crate::domain::job::status::JobStatus;
use crate::domain::job::{Job, Occurrence};
use crate::domain::recurring::misfire::MisfirePolicy;
use crate::domain::recurring::overlap::OverlapPolicy;
use crate::domain::recurring::{NewRecurringJob, RecurringId, Schedule, Template};
use crate::domain::values::id::{JobId, NodeId};
use crate::domain::values::json::Json;
use crate::domain::values::name::{JobName, JobType, QueueName};
use crate::domain::values::time_zone::TimeZoneName;
use crate::storage::change::{Applied, Change, ChangeError, Claim, ClusterChange, Fire, JobChange, RecurringChange};
use crate::storage::memory::tables::Tables;

pub(super) const NODES: usize = 3;

/// A change in flight to storage, or its result in flight back.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) from: NodeId,
    pub(super) sent_at: Moment,
    pub(super) change: Change,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: DateTime<Utc>,
    pub(super) tables: Tables,
    pub(super) nodes: Vec<Node>,
    pub(super) to_storage: Vec<Message>,
    pub(super) to_nodes: Vec<(Message, Result<Applied, ChangeError>)>,
    pub(super) recurring: RecurringId,
    /// Counts runs of servers and jobs.
    pub(super) made: u64,
    pub(super) jobs: BTreeSet<JobId>,
    pub(super) started: BTreeMap<(JobId, u32), NodeId>,
    pub(super) tokens: BTreeMap<FencingToken, NodeId>,
    pub(super) occurrences: BTreeMap<Occurrence, JobId>,
    pub(super) seen: Seen,
}

impl World {
    pub(super) fn new(overlap: usize) -> Self {
        let overlap = [OverlapPolicy::Allow, OverlapPolicy::Skip, OverlapPolicy::Queue][overlap];
        let recurring = recurring(overlap).into_recurring_job(start(), 0);
        let mut world = Self {
            now: start(),
            tables: Tables::default(),
            nodes: (1..=NODES as u64).map(Node::new).collect(),
            to_storage: Vec::new(),
            to_nodes: Vec::new(),
            recurring: recurring.id,
            made: NODES as u64,
            jobs: BTreeSet::new(),
            started: BTreeMap::new(),
            tokens: BTreeMap::new(),
            occurrences: BTreeMap::new(),
            seen: Seen::default(),
        };
        world.tables.serves_many = true;
        let insert = Change::Recurring(RecurringChange::Insert {
            recurring: Arc::new(recurring),
            idempotency: None,
        });
        let stored = world.tables.apply(&[insert].into(), start()).results;
        assert_eq!(stored, [Ok(Applied::RecurringStored)]);
        world
    }

    pub(super) fn take(&mut self, step: Step) {
        match step {
            Step::Pass(millis) => self.now += TimeDelta::milliseconds(i64::from(millis)),
            Step::Create => self.create(),
            Step::Cancel(number) => self.by_hand(number, |job, now| match job.cancel(now) {
                Ok(Cancelled::Done(after) | Cancelled::Requested(after)) => Some(after),
                Ok(Cancelled::AlreadyRequested) | Err(_) => None,
            }),
            Step::Execute(number) => self.by_hand(number, |job, now| job.execute(None, Due::Now, now).ok()),
            Step::Act(number, act) => self.let_act(usize::from(number) % NODES, act),
            Step::Arrive(number) => {
                if let Some(message) = pick(&mut self.to_storage, number) {
                    self.arrive(message);
                }
            }
            Step::Return(number) => {
                let awake: Vec<NodeId> = self
                    .nodes
                    .iter()
                    .filter(|node| !node.is_stopped)
                    .map(|node| node.id)
                    .collect();
                let mut reachable: Vec<usize> = (0..self.to_nodes.len())
                    .filter(|index| awake.contains(&self.to_nodes[*index].0.from))
                    .collect();
                if let Some(index) = pick(&mut reachable, number) {
                    let (message, applied) = self.to_nodes.remove(index);
                    self.return_result(&message, applied);
                }
            }
            Step::Lose(number) => drop(pick(&mut self.to_storage, number)),
            Step::LoseAnswer(number) => drop(pick(&mut self.to_nodes, number)),
            Step::Stop(number) => self.nodes[usize::from(number) % NODES].is_stopped = true,
            Step::GoOn(number) => self.nodes[usize::from(number) % NODES].is_stopped = false,
            Step::Kill(number) => {
                // Its messages may still arrive, but the responses are lost.
                self.made += 1;
                self.nodes[usize::from(number) % NODES] = Node::new(self.made);
            }
            Step::SetClock(number, millis) => {
                self.nodes[usize::from(number) % NODES].wrong_by = TimeDelta::milliseconds(i64::from(millis));
            }
        }
        self.check();
    }

    fn create(&mut self) {
        self.made += 1;
        let defaults = JobDefaults {
            max_retries: 2,
            ..JobDefaults::default()
        };
        let job = NewJob::of_type(job_type()).into_job(&defaults, self.now, u128::from(self.made));
        self.jobs.insert(job.id);
        let insert = Change::Job(JobChange::Insert {
            jobs: vec![Arc::new(job)],
            idempotency: None,
        });
        assert!(self.tables.apply(&[insert].into(), self.now).results[0].is_ok());
    }

    /// A person changes a job.
    fn by_hand(&mut self, number: u8, change: impl FnOnce(&Job, DateTime<Utc>) -> Option<Job>) {
        let mut jobs: Vec<Arc<Job>> = self.tables.jobs().cloned().collect();
        let Some(before) = pick(&mut jobs, number) else { return };
        if let Some(after) = change(&before, self.now) {
            let update = Change::Job(JobChange::Update {
                before,
                after: Arc::new(after),
            });
            assert_eq!(
                self.tables.apply(&[update].into(), self.now).results,
                [Ok(Applied::Updated)]
            );
        }
    }

    /// An action of a node, unless it is paused; without a valid lease it interrupts its jobs first.
    fn let_act(&mut self, index: usize, act: Act) {
        let (now, tables) = (self.now, &self.tables);
        let node = &mut self.nodes[index];
        if node.is_stopped {
            return;
        }
        self.seen.given_up += usize::from(!node.running.is_empty() && !node.lease.is_held(steady(now)));
        node.give_up_without_lease(steady(now));
        let own_time = node.time_of_day(now);
        let may_start = node.lease.is_held(steady(now));
        let mut send = |change| {
            self.to_storage.push(Message {
                from: node.id,
                sent_at: steady(now),
                change,
            });
        };
        match act {
            Act::Renew => send(Change::Cluster(ClusterChange::Heartbeat {
                node: node.id,
                name: Arc::from("node"),
                started_at: start(),
                lease: LEASE,
                job_types: Arc::default(),
                remote_types: Arc::default(),
            })),
            Act::RequestLeadership => send(Change::Cluster(ClusterChange::Lead {
                node: node.id,
                lease: LEASE,
            })),
            Act::Read => {
                let pending = tables
                    .jobs()
                    .filter(|job| job.status == JobStatus::Pending && job.claimed_by.is_none());
                node.known = pending.cloned().collect();
                node.recurring = tables.recurring.get(&self.recurring).cloned();
                node.unfinished = tables.unfinished_of(self.recurring) as u64;
            }
            Act::Claim | Act::ClaimAhead if may_start && !(node.is_releasing && matches!(act, Act::ClaimAhead)) => {
                send(Change::Job(JobChange::Claim(Claim {
                    queue: QueueName::default(),
                    limit: 2,
                    job_types: Arc::from([job_type()]),
                    node: node.id,
                    now: own_time,
                    bytes: None,
                    is_ahead: matches!(act, Act::ClaimAhead),
                })))
            }
            Act::Begin(number) if may_start => {
                if let Some(job) = pick(&mut node.claimed, number) {
                    let job = Arc::new(job.start(node.id, own_time));
                    if job.begins_at_once() {
                        let earlier = self.started.insert((job.id, job.attempt), node.id);
                        assert_eq!(earlier, None, "{job:?} was started twice");
                        node.running.push(job);
                    } else {
                        send(Change::Job(JobChange::Start { jobs: vec![job] }));
                    }
                }
            }
            Act::StoreStart(number) => {
                let unstored = node.running.extract_if(.., |job| job.claimed_by.is_some());
                let mut unstored: Vec<Arc<Job>> = unstored.collect();
                if let Some(job) = pick(&mut unstored, number) {
                    node.starting.push(Arc::clone(&job));
                    send(Change::Job(JobChange::Start { jobs: vec![job] }));
                }
                node.running.append(&mut unstored);
            }
            Act::Release => {
                let jobs = std::mem::take(&mut node.claimed);
                if !jobs.is_empty() {
                    node.is_releasing = true;
                    send(Change::Job(JobChange::Release { jobs, now: own_time }));
                }
            }
            Act::Start(number) if may_start => {
                if let Some(job) = pick(&mut node.known, number)
                    && job.due_at <= own_time
                {
                    send(Change::Job(JobChange::Start {
                        jobs: vec![Arc::new(job.start(node.id, own_time))],
                    }));
                }
            }
            Act::End(number, is_well) => {
                if let Some(job) = pick(&mut node.running, number) {
                    let outcome = if is_well {
                        Outcome::Completed(None)
                    } else {
                        Outcome::Failed(Failure::new("busy"))
                    };
                    send(end(&job, outcome, own_time, false));
                }
            }
            Act::Rescue => {
                for job in tables.orphans(node.id, now) {
                    send(if job.claimed_by.is_some() && !job.begins_at_once() {
                        Change::Job(JobChange::Release {
                            jobs: vec![Arc::clone(job)],
                            now: own_time,
                        })
                    } else {
                        end(job, Outcome::Lost, own_time, true)
                    });
                }
            }
            Act::Tick => {
                if let (Some(token), Some(before)) = (node.token, node.recurring.clone())
                    && let Some(tick) = before.tick(own_time, node.unfinished)
                {
                    let occurrences = tick.occurrences.iter().map(|due_at| {
                        self.made += 1;
                        let random = u128::from(self.made);
                        Arc::new(before.occurrence(*due_at, &JobDefaults::default(), own_time, random))
                    });
                    let occurrences = occurrences.collect();
                    send(Change::Recurring(RecurringChange::Fire(Fire {
                        before,
                        after: Arc::new(tick.after),
                        occurrences,
                        leader: Some((node.id, token)),
                    })));
                }
            }
            Act::Claim | Act::ClaimAhead | Act::Start(_) | Act::Begin(_) => {}
        }
    }
}

fn end(held: &Job, outcome: Outcome, now: DateTime<Utc>, if_orphaned: bool) -> Change {
    let started = match (held.status, held.claimed_by) {
        (JobStatus::Pending, Some(node)) => Some(held.start(node, now)),
        (JobStatus::Running, Some(_)) => Some(held.clone()),
        (_, _) => None,
    };
    let (job, attempt) = started.as_ref().unwrap_or(held).finish(outcome, now, Jitter::new(0.5));
    Change::Job(JobChange::Finish {
        started: started.map(Arc::new),
        job: Arc::new(job),
        attempt: Box::new(attempt),
        if_orphaned,
    })
}

/// Takes one out of a list.
pub(super) fn pick<T>(list: &mut Vec<T>, number: u8) -> Option<T> {
    (!list.is_empty()).then(|| list.remove(usize::from(number) % list.len()))
}

fn job_type() -> JobType {
    JobType::parse("MailJob").expect("a type")
}

/// Due every second.
fn recurring(overlap_policy: OverlapPolicy) -> NewRecurringJob {
    NewRecurringJob {
        key: None,
        schedule: Schedule {
            cron: CronExpression::parse("* * * * * *").expect("an expression"),
            time_zone: TimeZoneName::UTC,
            starts_at: None,
            ends_at: None,
        },
        template: Template {
            name: JobName::from(&job_type()),
            job_type: job_type(),
            queue: None,
            parameters: Json::null(),
            priority: Priority::Normal,
            max_retries: None,
            timeout: None,
            retry_delay: None,
            retry_intervals: None,
            tags: Vec::new(),
        },
        is_enabled: true,
        misfire_policy: MisfirePolicy::FireOnce,
        overlap_policy,
    }
}
