//! Notifications that follow a commit.

use actix::{Actor, Context, Recipient};

use super::commit_effects::CommitEffects;
use crate::domain::events::event::{Event, QueueEventKind, Topic};
use crate::domain::values::id::NodeId;
use crate::runtime::actor::mailbox::deliver_to;
use crate::runtime::cluster::messages::Broadcast;
use crate::runtime::cluster::remote_subscribers::RemoteSubscribers;
use crate::runtime::dispatch::messages::{CancelJob, JobsDue, NodeDrainChanged, QueuePauseChanged};
use crate::runtime::events::event_bus::EventBusHandle;
use crate::runtime::events::hooks::JobHook;
use crate::runtime::operations::messages::OperationsChanged;
use crate::runtime::outbound::messages::OutboxUpdate;
use crate::runtime::schedule::messages::{RecurringChanged, ScheduleWakeup};
use crate::storage::cluster_message::{JobSignal, Signal};

/// The consumers of commits. The writer knows them as recipients of messages, not as actors: they import the writer.
#[derive(Clone)]
pub struct AfterCommit {
    /// Receives jobs that are due.
    pub jobs_due: Recipient<JobsDue>,
    /// Receives queues that were paused or resumed.
    pub queue_paused: Recipient<QueuePauseChanged>,
    /// Receives nodes that start or stop draining.
    pub node_draining: Recipient<NodeDrainChanged>,
    /// Receives cancellations of running jobs.
    pub cancelled: Recipient<CancelJob>,
    /// Receives the due times of jobs that are due later.
    pub schedule: Recipient<ScheduleWakeup>,
    /// Receives changes of recurring jobs and of their occurrences.
    pub recurring: Recipient<RecurringChanged>,
    /// Receives changes of bulk operations.
    pub operations: Recipient<OperationsChanged>,
    /// Receives new deliveries and changes of webhook endpoints.
    pub outbox: Recipient<OutboxUpdate>,
    /// Receives events.
    pub event_bus: EventBusHandle,
    /// The other nodes, if storage is shared.
    pub cluster: Option<ClusterHandle>,
    /// The hook of the program that embeds the server.
    pub on_job_event: Option<JobHook>,
}

/// Access to the other nodes.
#[derive(Clone)]
pub struct ClusterHandle {
    /// Publishes to the other nodes.
    pub notifier: Recipient<Broadcast>,
    /// Subscribers on other nodes to job events.
    pub remote_subscribers: RemoteSubscribers,
    /// This node, which receives no messages of its own.
    pub node: NodeId,
}

impl ClusterHandle {
    /// The messages to other nodes about a commit.
    fn signals(&self, effects: &CommitEffects) -> Vec<Signal> {
        let paused = effects.paused.iter();
        let mut signals: Vec<Signal> = paused
            .map(|QueuePauseChanged { queue, is_paused }| Signal::QueueSwitched {
                queue: queue.clone(),
                is_paused: *is_paused,
            })
            .collect();
        let cancelled = effects.cancelled.iter();
        signals.extend(
            cancelled
                .filter(|cancel| cancel.node != Some(self.node))
                .map(|cancel| Signal::CancelAttempt {
                    queue: cancel.queue.clone(),
                    job_id: cancel.job_id,
                    attempt: cancel.attempt,
                }),
        );
        signals.extend(effects.events.iter().filter_map(|event| self.signal(event)));
        if effects.has_recurring {
            signals.push(Signal::RecurringChanged);
        }
        let operations = effects.operations.iter();
        signals.extend(operations.map(|(kind, id)| Signal::Operation { kind: *kind, id: *id }));
        let draining = effects.draining.iter();
        signals.extend(draining.filter(|changed| changed.node != self.node).map(
            |NodeDrainChanged { node, is_draining }| Signal::DrainSwitched {
                node: *node,
                is_draining: *is_draining,
            },
        ));
        signals
    }

    fn signal(&self, event: &Event) -> Option<Signal> {
        match event {
            Event::Queue {
                kind: QueueEventKind::Cleared,
                at: _,
                queue,
            } => Some(Signal::QueueCleared { queue: queue.clone() }),
            // Paused and resumed queues have a signal of their own; every node samples its own metrics; reports reach
            // subscribers of other nodes with the job's detail; operations have a signal of their own, too.
            Event::Queue { .. }
            | Event::QueueMetrics { .. }
            | Event::SystemMetrics(_)
            | Event::SystemAlert { .. }
            | Event::JobReport { .. }
            | Event::Operation { .. } => None,
            Event::Job { kind, at, job } => self.remote_subscribers.is_any().then(|| {
                Signal::Job(JobSignal {
                    kind: *kind,
                    job_id: job.id,
                    at: *at,
                })
            }),
        }
    }
}

impl AfterCommit {
    /// `true` if events of jobs have a consumer.
    pub(crate) fn wants_job_events(&self) -> bool {
        let has_remote = |cluster: &ClusterHandle| cluster.remote_subscribers.is_any();
        self.event_bus.is_any_in(Topic::Jobs)
            || self.cluster.as_ref().is_some_and(has_remote)
            || self.on_job_event.is_some()
    }

    /// Sends the effects of a commit to their consumers.
    pub(crate) fn publish<S>(&self, effects: CommitEffects, ctx: &mut Context<S>)
    where
        S: Actor<Context = Context<S>>,
    {
        if let Some(hook) = &self.on_job_event {
            hook.call(&effects.events);
        }
        let signals = self.cluster.as_ref().map(|cluster| cluster.signals(&effects));
        let CommitEffects {
            due,
            due_later,
            paused,
            cancelled,
            draining,
            events,
            has_recurring,
            operations,
            outbox,
            collected: _,
            handled: _,
        } = effects;
        if !outbox.is_empty() {
            deliver_to(&self.outbox, outbox, ctx);
        }
        if has_recurring {
            deliver_to(&self.recurring, RecurringChanged, ctx);
        }
        if !operations.is_empty() {
            deliver_to(&self.operations, OperationsChanged, ctx);
        }
        if let (Some(cluster), Some(signals)) = (&self.cluster, signals)
            && !signals.is_empty()
        {
            deliver_to(&cluster.notifier, Broadcast { signals }, ctx);
        }
        if !due.is_empty() {
            deliver_to(&self.jobs_due, JobsDue { by_queue: due }, ctx);
        }
        if !due_later.is_empty() {
            deliver_to(&self.schedule, ScheduleWakeup { due: due_later }, ctx);
        }
        for message in paused {
            deliver_to(&self.queue_paused, message, ctx);
        }
        for message in draining {
            deliver_to(&self.node_draining, message, ctx);
        }
        for message in cancelled {
            deliver_to(&self.cancelled, message, ctx);
        }
        let has_subscribers = [Topic::Jobs, Topic::Queues, Topic::Operations]
            .into_iter()
            .any(|topic| self.event_bus.is_any_in(topic));
        if !events.is_empty() && has_subscribers {
            self.event_bus.publish(events);
        }
    }
}
