//! Effects of a commit: notifications, wake-ups and events.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::cluster::remote_worker::AttemptReport;
use crate::domain::events::event::{Event, JobEventKind, OperationEventKind, QueueEventKind};
use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::domain::operation::Operation;
use crate::domain::operation::status::OperationStatus;
use crate::domain::values::id::{EndpointId, OperationId};
use crate::domain::values::name::QueueName;
use crate::runtime::dispatch::handled_types::HandledTypes;
use crate::runtime::dispatch::messages::{CancelJob, NodeDrainChanged, QueuePauseChanged};
use crate::runtime::outbound::messages::OutboxUpdate;
use crate::storage::change::{
    Applied, Change, ClusterChange, Finished, Fire, Inserted, JobChange, OperationChange, QueueChange, RecurringChange,
    Released, WebhookChange,
};
use crate::storage::commit::{ChangeResult, OutboxResult};
use crate::storage::outbox::EndpointsAt;

/// Effects of a commit.
pub(crate) struct CommitEffects {
    /// Pending jobs that are due.
    pub(crate) due: HashMap<QueueName, Vec<Arc<Job>>>,
    /// Queue and due time of pending jobs that are due later.
    pub(crate) due_later: Vec<(QueueName, DateTime<Utc>)>,
    /// Queues that were paused or resumed.
    pub(crate) paused: Vec<QueuePauseChanged>,
    /// Running jobs that were cancelled.
    pub(crate) cancelled: Vec<CancelJob>,
    /// Nodes that start or stop draining.
    pub(crate) draining: Vec<NodeDrainChanged>,
    pub(crate) events: Vec<Event>,
    /// Set if recurring jobs have changed, or an occurrence has finished.
    pub(crate) has_recurring: bool,
    /// Changed bulk operations.
    pub(crate) operations: Vec<(OperationEventKind, OperationId)>,
    /// New deliveries and changes of webhook endpoints.
    pub(crate) outbox: OutboxUpdate,
    /// The events that are collected from changes.
    pub(crate) collected: Collected,
    /// Receives the types of pending jobs.
    pub(crate) handled: HandledTypes,
}

/// Events that are collected from the changes of a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Collected {
    /// All.
    All,
    /// Those of queues and operations: events of jobs have no consumer.
    OfQueues,
    /// None: the outbox has collected all.
    Nothing,
}

/// An effect of an applied change.
enum Effect<'a> {
    /// A job was created, changed or removed, or has another status.
    Job(JobEventKind, &'a Arc<Job>),
    /// An attempt has reported.
    Reported(&'a Arc<Job>, &'a Arc<AttemptReport>),
    /// A queue was paused, resumed or cleared.
    Queue(QueueEventKind, &'a QueueName),
    /// A running or claimed job was cancelled.
    Cancelled(&'a Job),
    /// A claimed job is pending without its claim.
    Released(&'a Job),
    /// A node starts or stops draining.
    Draining(NodeDrainChanged),
    /// A recurring job was created or changed.
    Recurring,
    /// Endpoints have new deliveries.
    Deliveries(&'a [EndpointId]),
    /// Deliveries are pending again.
    DeliveriesPending,
    /// Endpoints have changed.
    Endpoints,
    /// A bulk operation has changed.
    Operation(OperationEventKind, &'a Arc<Operation>),
}

/// The applied changes in the order in which storage applies them: those that select are last.
pub(crate) fn in_order<'a>(
    changes: &'a [Change],
    results: &'a [ChangeResult],
) -> impl Iterator<Item = (&'a Change, &'a Applied)> {
    [false, true].into_iter().flat_map(move |is_selecting| {
        let changes = changes.iter().zip(results);
        changes.filter_map(move |(change, result)| match result {
            Ok(applied) if change.selects() == is_selecting => Some((change, applied)),
            Ok(_) | Err(_) => None,
        })
    })
}

/// The events of changes.
pub(crate) fn events_of(changes: &[Change], results: &[ChangeResult], now: DateTime<Utc>) -> Vec<Event> {
    let mut events = Vec::new();
    for (change, applied) in in_order(changes, results) {
        each_effect(change, applied, |effect| events.extend(effect.event(now)));
    }
    events
}

/// Calls a function with each effect of an applied change.
fn each_effect<'a>(change: &'a Change, applied: &'a Applied, mut call: impl FnMut(Effect<'a>)) {
    if let (Change::Operation(OperationChange::Step(step)), Applied::Stepped(stepped)) = (change, applied) {
        for (change, result) in step.jobs.iter().zip(&stepped.results) {
            if let Ok(applied) = result {
                each_single_effect(change, applied, &mut call);
            }
        }
        return;
    }
    each_single_effect(change, applied, &mut call);
}

/// The same of a change that does not consist of others.
fn each_single_effect<'a>(change: &'a Change, applied: &'a Applied, call: &mut impl FnMut(Effect<'a>)) {
    match (change, applied) {
        (Change::Job(JobChange::Insert { jobs, .. }), Applied::Inserted(inserted)) => {
            let new = jobs.iter().zip(inserted).filter(|(_, one)| **one == Inserted::New);
            new.for_each(|(job, _)| call(Effect::Job(JobEventKind::Created, job)));
        }
        (Change::Job(JobChange::Start { jobs }), Applied::Started(started)) => {
            let started = jobs.iter().zip(started).filter(|(_, started)| **started);
            started.for_each(|(job, _)| call(Effect::Job(JobEventKind::Started, job)));
        }
        (Change::Job(JobChange::Claim(claim)), Applied::Claimed(jobs)) if !claim.is_ahead => {
            jobs.iter()
                .for_each(|job| call(Effect::Job(JobEventKind::Started, job)));
        }
        (Change::Job(JobChange::Release { jobs, .. }), Applied::Released(released)) => {
            jobs.iter().zip(released).for_each(|(job, released)| match released {
                Released::Cancelled(job) => call(Effect::Job(JobEventKind::Cancelled, job)),
                Released::Pending => call(Effect::Released(job)),
                Released::Lost => {}
            });
        }
        (Change::Job(JobChange::Finish { started, job, .. }), Applied::Finished(Finished::Stored)) => {
            if let Some(started) = started {
                call(Effect::Job(JobEventKind::Started, started));
            }
            ended(job).into_iter().for_each(&mut *call);
        }
        (Change::Job(JobChange::Update { before, after }), Applied::Updated) => match (before.status, after.status) {
            (_, JobStatus::Pending | JobStatus::Running) if after.held_attempt().is_some() => {
                if after.cancel_requested {
                    call(Effect::Cancelled(after));
                }
            }
            (JobStatus::Pending, JobStatus::Pending) => call(Effect::Job(JobEventKind::Changed, after)),
            (
                _,
                JobStatus::Pending
                | JobStatus::Running
                | JobStatus::Completed
                | JobStatus::Failed
                | JobStatus::Cancelled,
            ) => {
                ended(after).into_iter().for_each(&mut *call);
            }
        },
        (Change::Job(JobChange::Delete { job }), Applied::Deleted) => call(Effect::Job(JobEventKind::Deleted, job)),
        (Change::Job(JobChange::Report { job, report }), Applied::Reported(true)) => {
            call(Effect::Reported(job, report));
        }
        (Change::Recurring(RecurringChange::Fire(Fire { occurrences, .. })), Applied::Fired(fired)) => {
            let new = occurrences.iter().zip(fired).filter(|(_, is_new)| **is_new);
            new.for_each(|(job, _)| call(Effect::Job(JobEventKind::Created, job)));
        }
        (Change::Recurring(RecurringChange::Trigger { occurrence, .. }), Applied::Fired(fired))
            if fired.contains(&true) =>
        {
            call(Effect::Job(JobEventKind::Created, occurrence));
        }
        (
            Change::Recurring(RecurringChange::Insert { .. } | RecurringChange::Update { .. }),
            Applied::RecurringStored,
        ) => call(Effect::Recurring),
        (Change::Queue(QueueChange::Clear { queue, limit, .. }), Applied::Removed(count))
            if *count < u64::from(*limit) =>
        {
            call(Effect::Queue(QueueEventKind::Cleared, queue));
        }
        (
            Change::Queue(QueueChange::Set {
                queue,
                is_paused: Some(is_paused),
            }),
            Applied::QueueSet { changed: true },
        ) => {
            let kind = if *is_paused {
                QueueEventKind::Paused
            } else {
                QueueEventKind::Resumed
            };
            call(Effect::Queue(kind, queue));
        }
        (Change::Cluster(ClusterChange::SetDraining { node, is_draining }), Applied::DrainSet { changed: true }) => {
            call(Effect::Draining(NodeDrainChanged {
                node: *node,
                is_draining: *is_draining,
            }))
        }
        (Change::Webhook(WebhookChange::Enqueue(_)), Applied::Enqueued(endpoints)) => {
            call(Effect::Deliveries(endpoints));
        }
        (Change::Webhook(WebhookChange::Review(_)), Applied::Reviewed(reviewed))
            if !reviewed.retired.is_empty() || !reviewed.removed.is_empty() =>
        {
            call(Effect::Endpoints);
        }
        (Change::Webhook(WebhookChange::Redeliver { .. } | WebhookChange::SetBack { .. }), Applied::Removed(1..)) => {
            call(Effect::DeliveriesPending)
        }
        (Change::Webhook(WebhookChange::Put { .. }), Applied::EndpointStored)
        | (Change::Webhook(WebhookChange::Delete { .. }), Applied::Deleted)
        | (Change::Webhook(WebhookChange::Attempts(_)), Applied::Attempted { is_disabled: true }) => {
            call(Effect::Endpoints);
        }
        (Change::Operation(OperationChange::Insert { operation, undone }), Applied::OperationStored) => {
            if operation.status != OperationStatus::Preview {
                call(Effect::Operation(OperationEventKind::Started, operation));
            }
            if let Some((_, undone)) = undone {
                call(Effect::Operation(OperationEventKind::Undone, undone));
            }
        }
        (Change::Operation(OperationChange::Update { before, after }), Applied::OperationStored) => {
            if let Some(kind) = OperationEventKind::of(before, after) {
                call(Effect::Operation(kind, after));
            }
        }
        // Other changes have no effect beyond their result.
        _ => {}
    }
}

/// The effect of the end of an attempt: the job has finished, or is pending again.
fn ended(job: &Arc<Job>) -> Option<Effect<'_>> {
    let kind = match job.status {
        JobStatus::Pending => JobEventKind::Retrying,
        JobStatus::Running => return None,
        JobStatus::Completed => JobEventKind::Completed,
        JobStatus::Failed => JobEventKind::Failed,
        JobStatus::Cancelled => JobEventKind::Cancelled,
    };
    Some(Effect::Job(kind, job))
}

impl Effect<'_> {
    fn event(&self, at: DateTime<Utc>) -> Option<Event> {
        match self {
            Self::Job(kind, job) => Some(Event::Job {
                kind: *kind,
                at,
                job: Arc::clone(job),
            }),
            Self::Reported(job, report) => Some(Event::JobReport {
                at,
                job: Arc::clone(job),
                report: Arc::clone(report),
            }),
            Self::Queue(kind, queue) => Some(Event::Queue {
                kind: *kind,
                at,
                queue: (*queue).clone(),
            }),
            Self::Operation(kind, operation) => Some(Event::Operation {
                kind: *kind,
                at,
                operation: Arc::clone(operation),
            }),
            Self::Cancelled(_)
            | Self::Released(_)
            | Self::Draining(_)
            | Self::Recurring
            | Self::Deliveries(_)
            | Self::DeliveriesPending
            | Self::Endpoints => None,
        }
    }

    /// `true` if an event of it is collected.
    fn is_collected(&self, collected: Collected) -> bool {
        match collected {
            Collected::All => true,
            Collected::OfQueues => matches!(self, Self::Queue(..) | Self::Operation(..)),
            Collected::Nothing => false,
        }
    }
}

impl CommitEffects {
    pub(crate) fn new(wants_job_events: bool, handled: HandledTypes) -> Self {
        Self {
            due: HashMap::new(),
            due_later: Vec::new(),
            paused: Vec::new(),
            cancelled: Vec::new(),
            draining: Vec::new(),
            events: Vec::new(),
            has_recurring: false,
            operations: Vec::new(),
            outbox: OutboxUpdate::default(),
            collected: if wants_job_events {
                Collected::All
            } else {
                Collected::OfQueues
            },
            handled,
        }
    }

    /// Adds the result of the outbox, which has the events of all changes; returns the endpoints that the node did not
    /// know.
    pub(crate) fn add_outbox(&mut self, outbox: OutboxResult) -> Option<EndpointsAt> {
        let OutboxResult {
            endpoints,
            newer,
            events,
        } = outbox;
        self.outbox.add(&endpoints);
        self.outbox.is_changed |= newer.is_some();
        self.events = events;
        if self.collected == Collected::OfQueues {
            self.events
                .retain(|event| matches!(event, Event::Queue { .. } | Event::Operation { .. }));
        }
        self.collected = Collected::Nothing;
        newer
    }

    /// Adds the effects of an applied change.
    pub(crate) fn add(&mut self, change: &Change, applied: &Applied, now: DateTime<Utc>) {
        each_effect(change, applied, |effect| self.add_effect(effect, now));
    }

    fn add_effect(&mut self, effect: Effect<'_>, now: DateTime<Utc>) {
        if effect.is_collected(self.collected) {
            self.events.extend(effect.event(now));
        }
        match effect {
            Effect::Job(kind, job) => {
                let is_end = kind.status().is_some_and(JobStatus::is_finished);
                self.has_recurring |= is_end && job.occurrence.is_some();
                if kind != JobEventKind::Deleted {
                    self.wake(job, now);
                }
            }
            Effect::Queue(kind, queue) => {
                let is_paused = match kind {
                    QueueEventKind::Paused => true,
                    QueueEventKind::Resumed => false,
                    QueueEventKind::Cleared => return,
                };
                self.paused.push(QueuePauseChanged {
                    queue: queue.clone(),
                    is_paused,
                });
            }
            Effect::Cancelled(job) => self
                .cancelled
                .extend(job.held_attempt().map(|(job_id, attempt)| CancelJob {
                    queue: job.queue.clone(),
                    job_id,
                    attempt,
                    node: job.claimed_by.or(job.node),
                })),
            Effect::Released(job) => {
                let released = Job {
                    claimed_by: None,
                    ..job.clone()
                };
                self.wake(&Arc::new(released), now);
            }
            Effect::Draining(changed) => self.draining.push(changed),
            Effect::Recurring => self.has_recurring = true,
            Effect::Deliveries(endpoints) => self.outbox.add(endpoints),
            Effect::DeliveriesPending => self.outbox.is_any = true,
            Effect::Endpoints => self.outbox.is_changed = true,
            Effect::Operation(kind, operation) => self.operations.push((kind, operation.id)),
            Effect::Reported(..) => {}
        }
    }

    fn wake(&mut self, job: &Arc<Job>, now: DateTime<Utc>) {
        if job.status != JobStatus::Pending {
            return;
        }
        self.handled.record_pending(job);
        if job.due_at > now {
            self.due_later.push((job.queue.clone(), job.due_at));
        } else if let Some(jobs) = self.due.get_mut(&job.queue) {
            jobs.push(Arc::clone(job));
        } else {
            self.due.insert(job.queue.clone(), vec![Arc::clone(job)]);
        }
    }
}
