//! The world: storage, the nodes, what is on its way between them, and what must always hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::node::{LEASE, Node, steady};
use super::{Act, Step};
use crate::domain::attempt::AttemptStatus;
use crate::domain::cron::CronExpression;
use crate::domain::id::{JobId, NodeId};
use crate::domain::job::{Job, Occurrence};
use crate::domain::json::Json;
use crate::domain::leadership::FencingToken;
use crate::domain::misfire::MisfirePolicy;
use crate::domain::name::{JobName, JobType, QueueName};
use crate::domain::new_job::{Due, JobDefaults, NewJob};
use crate::domain::node_lease::Moment;
use crate::domain::outcome::{Failure, Outcome};
use crate::domain::overlap::OverlapPolicy;
use crate::domain::priority::Priority;
use crate::domain::recurring::{NewRecurringJob, RecurringId, Schedule, Template};
use crate::domain::retry::Jitter;
use crate::domain::status::JobStatus;
use crate::domain::time_zone::TimeZoneName;
use crate::domain::transition::Cancelled;
use crate::storage::change::{Applied, Change, ChangeError, Claim, Finished, Fire};
use crate::storage::memory::tables::Tables;

const NODES: usize = 3;

/// When it all begins.
pub(super) fn start() -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::days(20_000)
}

/// A change on its way to storage, or what became of it on its way back.
#[derive(Debug)]
struct Message {
    from: NodeId,
    sent_at: Moment,
    change: Change,
}

/// How often what the invariants are about has happened.
#[derive(Debug, Default)]
pub(super) struct Seen {
    late_ends: usize,
    lost: usize,
    without_lease: usize,
    stale_tokens: usize,
    repeated: usize,
    leaders: usize,
    occurrences: usize,
    given_up: usize,
}

impl Seen {
    pub(super) fn add(&mut self, other: Self) {
        let Self {
            late_ends,
            lost,
            without_lease,
            stale_tokens,
            repeated,
            leaders,
            occurrences,
            given_up,
        } = other;
        self.late_ends += late_ends;
        self.lost += lost;
        self.without_lease += without_lease;
        self.stale_tokens += stale_tokens;
        self.repeated += repeated;
        self.leaders += leaders;
        self.occurrences += occurrences;
        self.given_up += given_up;
    }

    pub(super) fn is_plenty(&self) -> bool {
        let Self {
            late_ends,
            lost,
            without_lease,
            stale_tokens,
            repeated,
            leaders,
            occurrences,
            given_up,
        } = self;
        let all = [
            late_ends,
            lost,
            without_lease,
            stale_tokens,
            repeated,
            leaders,
            occurrences,
            given_up,
        ];
        all.iter().all(|count| **count >= 20)
    }
}

#[derive(Debug)]
pub(super) struct World {
    now: DateTime<Utc>,
    tables: Tables,
    nodes: Vec<Node>,
    to_storage: Vec<Message>,
    to_nodes: Vec<(Message, Result<Applied, ChangeError>)>,
    recurring: RecurringId,
    /// Counts runs of servers and jobs.
    made: u64,
    jobs: BTreeSet<JobId>,
    begun: BTreeMap<(JobId, u32), NodeId>,
    tokens: BTreeMap<FencingToken, NodeId>,
    occurrences: BTreeMap<Occurrence, JobId>,
    seen: Seen,
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
            begun: BTreeMap::new(),
            tokens: BTreeMap::new(),
            occurrences: BTreeMap::new(),
            seen: Seen::default(),
        };
        world.tables.serves_many = true;
        let stored = world.tables.apply(
            &[Change::InsertRecurring {
                recurring: Arc::new(recurring),
                idempotency: None,
            }],
            start(),
        );
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
                    self.hand_back(&message, applied);
                }
            }
            Step::Lose(number) => drop(pick(&mut self.to_storage, number)),
            Step::LoseAnswer(number) => drop(pick(&mut self.to_nodes, number)),
            Step::Stop(number) => self.nodes[usize::from(number) % NODES].is_stopped = true,
            Step::GoOn(number) => self.nodes[usize::from(number) % NODES].is_stopped = false,
            Step::Kill(number) => {
                // What it has sent may still arrive, and nobody hears the answer.
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
        let insert = Change::Insert {
            jobs: vec![Arc::new(job)],
            idempotency: None,
        };
        assert!(self.tables.apply(&[insert], self.now)[0].is_ok());
    }

    /// A person changes a job.
    fn by_hand(&mut self, number: u8, change: impl FnOnce(&Job, DateTime<Utc>) -> Option<Job>) {
        let mut jobs: Vec<Arc<Job>> = self.tables.jobs().cloned().collect();
        let Some(before) = pick(&mut jobs, number) else { return };
        if let Some(after) = change(&before, self.now) {
            let update = Change::Update {
                before,
                after: Arc::new(after),
            };
            assert_eq!(self.tables.apply(&[update], self.now), [Ok(Applied::Updated)]);
        }
    }

    /// A node does something, unless it is stopped; without its lease it gives up first.
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
            Act::Renew => send(Change::Heartbeat {
                node: node.id,
                name: Arc::from("node"),
                started_at: start(),
                lease: LEASE,
            }),
            Act::AskToLead => send(Change::Lead {
                node: node.id,
                lease: LEASE,
            }),
            Act::Read => {
                let pending = tables.jobs().filter(|job| job.status == JobStatus::Pending);
                node.known = pending.cloned().collect();
                node.recurring = tables.recurring.get(&self.recurring).cloned();
                node.unfinished = tables.unfinished_of(self.recurring) as u64;
            }
            Act::Claim if may_start => send(Change::Claim(Claim {
                queue: QueueName::default(),
                limit: 2,
                job_types: Arc::from([job_type()]),
                node: node.id,
                now: own_time,
            })),
            Act::Start(number) if may_start => {
                if let Some(job) = pick(&mut node.known, number)
                    && job.due_at <= own_time
                {
                    send(Change::Start {
                        jobs: vec![Arc::new(job.start(node.id, own_time))],
                    });
                }
            }
            Act::End(number, is_well) => {
                if let Some(job) = pick(&mut node.running, number) {
                    let outcome = if is_well {
                        Outcome::Completed(None)
                    } else {
                        Outcome::Failed(Failure::new("busy"))
                    };
                    send(end(&job, outcome, own_time));
                }
            }
            Act::Rescue => {
                for job in tables.orphans(now) {
                    send(end(job, Outcome::Lost, own_time));
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
                    send(Change::Fire(Fire {
                        before,
                        after: Arc::new(tick.after),
                        occurrences,
                        leader: Some((node.id, token)),
                    }));
                }
            }
            Act::Claim | Act::Start(_) => {}
        }
    }

    /// A message gets to storage.
    fn arrive(&mut self, message: Message) {
        let target = if let Change::Finish { job, .. } = &message.change {
            self.tables.job(job.id).cloned()
        } else {
            None
        };
        let applied = self
            .tables
            .apply(std::slice::from_ref(&message.change), self.now)
            .remove(0);
        match (&message.change, &applied) {
            (Change::Finish { job, attempt }, Ok(Applied::Finished(finished))) => {
                let runs = target
                    .as_ref()
                    .is_some_and(|job| job.status == JobStatus::Running && job.attempt == attempt.number);
                if *finished == Finished::LeaseLost || !runs {
                    assert_eq!((*finished, runs), (Finished::LeaseLost, false));
                    assert_eq!(
                        self.tables.job(job.id),
                        target.as_ref(),
                        "a late end has changed the job"
                    );
                    self.seen.late_ends += 1;
                } else if *finished == Finished::Stored {
                    self.seen.lost += usize::from(attempt.status == AttemptStatus::Lost);
                }
            }
            (Change::Claim(Claim { node, .. }), Ok(Applied::Claimed(jobs))) => {
                assert!(self.tables.holds_lease(*node, self.now), "claimed without a lease");
                self.begin(jobs.iter().map(|job| (job.id, job.attempt)), *node);
            }
            (Change::Start { jobs }, Ok(Applied::Started(started))) => {
                assert!(
                    self.tables.holds_lease(message.from, self.now),
                    "started without a lease"
                );
                let taken = jobs.iter().zip(started).filter(|(_, started)| **started);
                self.begin(taken.map(|(job, _)| (job.id, job.attempt)), message.from);
            }
            (Change::Fire(_), Err(ChangeError::NoLease)) => self.seen.stale_tokens += 1,
            (_, Err(ChangeError::NoLease)) => self.seen.without_lease += 1,
            (Change::Lead { .. }, Ok(Applied::Led(Some(token)))) => {
                let newest = self.tokens.last_key_value().map(|(token, _)| *token);
                assert!(newest.is_none_or(|newest| newest <= *token), "a token has gone back");
                let holder = *self.tokens.entry(*token).or_insert(message.from);
                assert_eq!(holder, message.from, "two nodes lead under {token:?}");
                self.seen.leaders += usize::from(newest != Some(*token));
            }
            (
                Change::Fire(Fire {
                    leader, occurrences, ..
                }),
                Ok(Applied::Fired(fired)),
            ) => {
                let (node, token) = leader.expect("a leader");
                assert_eq!(
                    self.tokens.last_key_value(),
                    Some((&token, &node)),
                    "an old leader has acted"
                );
                for (job, is_new) in occurrences.iter().zip(fired) {
                    let occurrence = job.occurrence.expect("an occurrence");
                    if *is_new {
                        let earlier = self.occurrences.insert(occurrence, job.id);
                        assert_eq!(earlier, None, "{occurrence:?} has become two jobs");
                        self.jobs.insert(job.id);
                        self.seen.occurrences += 1;
                    }
                }
            }
            (Change::Fire(_), Err(ChangeError::Conflict)) => self.seen.repeated += 1,
            _ => {}
        }
        self.to_nodes.push((message, applied));
    }

    fn begin(&mut self, attempts: impl Iterator<Item = (JobId, u32)>, node: NodeId) {
        for attempt in attempts {
            let earlier = self.begun.insert(attempt, node);
            assert_eq!(earlier, None, "{attempt:?} was begun twice");
        }
    }

    /// An answer gets back to the node that is waiting for it; nobody else hears it.
    fn hand_back(&mut self, message: &Message, applied: Result<Applied, ChangeError>) {
        let now = steady(self.now);
        let Some(node) = self.nodes.iter_mut().find(|node| node.id == message.from) else {
            return;
        };
        node.give_up_without_lease(now);
        match (&message.change, applied) {
            (Change::Heartbeat { .. }, Ok(_)) => node.lease = node.lease.renewed(message.sent_at, LEASE.to_std()),
            (Change::Lead { .. }, Ok(Applied::Led(token))) => node.token = token,
            // A worker runs nothing without the lease: what was taken comes back as lost.
            (Change::Claim(_), Ok(Applied::Claimed(jobs))) if node.lease.is_held(now) => node.running.extend(jobs),
            (Change::Start { jobs }, Ok(Applied::Started(started))) if node.lease.is_held(now) => {
                let taken = jobs.iter().zip(started).filter(|(_, started)| *started);
                node.running.extend(taken.map(|(job, _)| Arc::clone(job)));
            }
            (Change::Fire(_), Err(ChangeError::NoLease)) => node.token = None,
            _ => {}
        }
    }

    /// What must hold at every moment, beside what is checked when a message arrives.
    fn check(&self) {
        let now = steady(self.now);
        for node in &self.nodes {
            if node.lease.is_held(now) {
                let is_held = self.tables.holds_lease(node.id, self.now);
                assert!(is_held, "a node believes in a lease that storage has let go");
            }
        }
        for id in &self.jobs {
            let runs = self.nodes.iter().filter(|node| node.runs(*id, now)).count();
            assert!(runs <= 1, "{runs} nodes run {id} and believe in their leases");
            let job = self.tables.job(*id).expect("no job disappears");
            let recorded: Vec<u32> = self.tables.attempts(*id).map(|attempt| attempt.number).collect();
            let ended = if job.status == JobStatus::Running {
                job.attempt - 1
            } else {
                job.attempt
            };
            let all: Vec<u32> = (1..=ended).collect();
            assert_eq!(recorded, all, "an attempt that has ended is on record, of {job:?}");
        }
        for job in self.tables.jobs() {
            assert!(self.jobs.contains(&job.id), "nobody has made {job:?}");
        }
    }

    /// Everything that is on its way arrives, and one new node is left alone with what there is: it must bring all to an
    /// end.
    pub(super) fn end_in_peace(mut self) -> Seen {
        while let Some(message) = pick(&mut self.to_storage, 0) {
            self.arrive(message);
            self.check();
        }
        self.to_nodes.clear();
        for number in 0..NODES {
            self.take(Step::Kill(number as u8));
        }
        self.now += LEASE.to_delta() * 2;
        let work = [Act::Renew, Act::Rescue, Act::Claim, Act::End(0, true)];
        for _ in 0..self.jobs.len() * 4 + 10 {
            for act in work {
                self.take(Step::Act(0, act));
                while !self.to_storage.is_empty() {
                    self.take(Step::Arrive(0));
                }
                while !self.to_nodes.is_empty() {
                    self.take(Step::Return(0));
                }
            }
            // Retries become due.
            self.now += TimeDelta::seconds(1);
            self.check();
        }
        for id in &self.jobs {
            let job = self.tables.job(*id).expect("no job disappears");
            assert!(job.status.is_finished(), "stuck: {job:?}");
        }
        self.seen
    }
}

fn end(job: &Job, outcome: Outcome, now: DateTime<Utc>) -> Change {
    let (job, attempt) = job.finish(outcome, now, Jitter::new(0.5));
    Change::Finish {
        job: Arc::new(job),
        attempt: Box::new(attempt),
    }
}

/// Takes one out of a list.
fn pick<T>(list: &mut Vec<T>, number: u8) -> Option<T> {
    (!list.is_empty()).then(|| list.remove(usize::from(number) % list.len()))
}

fn job_type() -> JobType {
    JobType::parse("MailJob").expect("a type")
}

/// Due every second.
fn recurring(overlap_policy: OverlapPolicy) -> NewRecurringJob {
    NewRecurringJob {
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
        },
        is_enabled: true,
        misfire_policy: MisfirePolicy::FireOnce,
        overlap_policy,
    }
}
