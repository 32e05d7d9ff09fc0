//! The Recorder: the one way to write.
//!
//! It owns what has been asked for and is not stored yet. While one commit runs the next one gathers by itself: an idle
//! server commits one change at once, a busy one makes large batches; only what nobody waits for waits for others. After a
//! commit, in this order: the callers are answered, the queues and the Scheduler are woken, the events are published. So
//! nobody hears of anything that a crash could still undo.
//!
//! What waits is bounded: when more than [`PENDING_ROWS_MAX`] rows wait, callers from outside are told that the server is
//! busy. The ends of attempts and the like are never refused; the number of workers bounds them.

pub(crate) mod after_commit;
pub(crate) mod batch;
pub mod commit_stats;
pub mod completion_batcher;
pub(crate) mod outbox;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::SendError;
use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, SpawnHandle, Supervised, WrapFuture,
};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{debug, error};

use self::after_commit::Effects;
use self::batch::{job_ids, rows_of};
use self::commit_stats::{CommitReport, DeliveryReport};
use self::outbox::Announcements;
use super::actor::clock::Clock;
use super::actor::mailbox::deliver;
use super::cluster::messages::Broadcast;
use super::cluster::notifier::Notifier;
use super::cluster::remote_subscribers::RemoteSubscribers;
use super::dispatch::handled_types::HandledTypes;
use super::dispatch::messages::{CancelJob, JobsDue, NodeDrainChanged, QueuePauseChanged};
use super::dispatch::registry::QueueRegistry;
use super::events::event_bus::EventBusHandle;
use super::events::hooks::SavedHook;
use super::monitoring::job_log;
use super::monitoring::job_spans::Traces;
use super::monitoring::metrics_sampler::{LookNow, Sampler};
use super::monitoring::report_channel::Tap;
use super::outbound::dispatcher::WebhookDispatcher;
use super::outbound::throttle::CommitLoad;
use super::schedule::due_jobs::Scheduler;
use super::schedule::messages::{RecurringChanged, ScheduleWakeup};
use super::schedule::recurring_jobs::RecurringScheduler;
use crate::domain::events::event::{Event, QueueEventKind, Topic};
use crate::domain::metrics::storage_fault::StorageFault;
use crate::domain::values::id::NodeId;
use crate::storage::change::{Applied, Change, ChangeError};
use crate::storage::cluster_message::{JobSignal, Signal};
use crate::storage::outage::StorageOutage;
use crate::storage::repository::{JobRepository, RepositoryError};

/// How many rows one commit takes at the most, but for a single change that is larger.
pub(super) const COMMIT_ROWS_MAX: usize = 2_000;
/// How many rows may wait for a commit before callers from outside are refused.
pub const PENDING_ROWS_MAX: usize = 20_000;
/// How many messages the mailbox holds.
pub const MAILBOX_CAPACITY: usize = 16_384;
/// How long what nobody waits for waits for a commit that it can share.
pub const LATER: Duration = Duration::from_millis(4);
/// When a caller that was refused should come back.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a change became of: applied, or why not.
pub type ChangeResult = Result<Applied, ChangeError>;

/// Why nothing is known to be written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RecordError {
    /// Too much waits already.
    #[error("the server has too much to write; try again in {} s", RETRY_AFTER.as_secs())]
    Busy,
    /// Storage can't be reached, or the Recorder was restarted; whether the changes took effect is not known.
    #[error("storage can't be written now: {reason}")]
    Unavailable {
        /// What is known of the cause.
        reason: String,
    },
    /// Storage has a fault that an operator has to remove; whether the changes took effect is not known.
    #[error("{}: {reason}", fault.message())]
    Fault {
        /// Which.
        fault: StorageFault,
        /// What storage said.
        reason: String,
    },
}

impl From<RepositoryError> for RecordError {
    fn from(failure: RepositoryError) -> Self {
        match failure {
            RepositoryError::Fault { fault, reason } => Self::Fault { fault, reason },
            RepositoryError::Unavailable { .. }
            | RepositoryError::TimedOut { .. }
            | RepositoryError::Busy
            | RepositoryError::Corrupt { .. } => Self::Unavailable {
                reason: failure.to_string(),
            },
        }
    }
}

/// Tells a caller what became of its changes.
type Answer = oneshot::Sender<Result<Vec<ChangeResult>, RecordError>>;

/// Who asks, and so whether it may be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A caller of the server: refused when too much waits.
    Outside,
    /// The server itself.
    Inside,
    /// The server itself, with what nobody waits for: it shares the commit of others, or is written after
    /// [`LATER`] if there is none. So it takes no turn from those who wait.
    Later,
}

/// Writes these changes; the answer comes when they are durable.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Record {
    changes: Vec<Change>,
    origin: Origin,
    answer: Answer,
}

/// How many rows wait to be written.
#[derive(Message)]
#[rtype(result = "usize")]
struct ReportPending;

/// The way to the Recorder.
#[derive(Clone)]
pub struct RecorderHandle {
    address: Addr<Recorder>,
}

impl RecorderHandle {
    /// A handle to the Recorder at this address.
    pub fn new(address: Addr<Recorder>) -> Self {
        Self { address }
    }

    /// Writes changes. They are sent at once, in the order of the calls; the future waits until they are durable. The
    /// results are in the order of the changes.
    pub fn record(
        &self,
        changes: Vec<Change>,
        origin: Origin,
    ) -> impl Future<Output = Result<Vec<ChangeResult>, RecordError>> + Send + use<> {
        let gone = || RecordError::Unavailable {
            reason: "the writer was restarted".to_owned(),
        };
        let (answer, answered) = oneshot::channel();
        let sent = self.address.try_send(Record {
            changes,
            origin,
            answer,
        });
        let address = self.address.clone();
        async move {
            match sent {
                Ok(()) => {}
                Err(SendError::Full(_)) if origin == Origin::Outside => return Err(RecordError::Busy),
                // From inside: waits until the mailbox has room.
                Err(SendError::Full(record)) => address.send(record).await.map_err(|_| gone())?,
                Err(SendError::Closed(_)) => return Err(gone()),
            }
            answered.await.map_err(|_| gone())?
        }
    }

    /// Writes one change.
    pub fn record_one(
        &self,
        change: Change,
        origin: Origin,
    ) -> impl Future<Output = Result<ChangeResult, RecordError>> + Send + use<> {
        let results = self.record(vec![change], origin);
        async move {
            let result = results.await?.into_iter().next();
            result.ok_or_else(|| RecordError::Unavailable {
                reason: "storage gave no result".to_owned(),
            })
        }
    }

    /// How many rows wait to be written.
    pub async fn pending_rows(&self) -> usize {
        // A Recorder that is just being restarted has nothing left that waits.
        self.address.send(ReportPending).await.unwrap_or(0)
    }
}

/// What the Recorder is made of.
#[derive(Clone)]
pub struct RecorderParts {
    /// Where it writes.
    pub repository: Arc<dyn JobRepository>,
    /// Tells the time of events.
    pub clock: Clock,
    /// Who is woken when jobs are due.
    pub queues: Addr<QueueRegistry>,
    /// Who is woken when jobs will be due.
    pub scheduler: Addr<Scheduler>,
    /// Who creates occurrences of recurring jobs.
    pub recurring: Addr<RecurringScheduler>,
    /// Who is told what has happened.
    pub event_bus: EventBusHandle,
    /// Checks the server's health when a commit has failed.
    pub sampler: Addr<Sampler>,
    /// Where failed commits are logged, for a storage that does not do so itself.
    pub outage: StorageOutage,
    /// The other nodes, where there are any.
    pub others: Option<Others>,
    /// What is told of changes, in the commit that holds them.
    pub announcements: Announcements,
    /// Who has deliveries sent.
    pub dispatcher: Addr<WebhookDispatcher>,
    /// What the program wants to be told of jobs that are stored.
    pub on_saved: Option<SavedHook>,
    /// How long commits take.
    pub time: CommitLoad,
    /// Who exports numbers, if anybody does.
    pub tap: Tap<CommitReport>,
    /// Who exports the traces of jobs, if anybody does.
    pub traces: Traces,
    /// Whether jobs that end well are logged.
    pub log_jobs: bool,
    /// What runs the types of jobs that become pending.
    pub handled: HandledTypes,
}

/// The way to the other nodes.
#[derive(Clone)]
pub struct Others {
    /// Who tells them.
    pub notifier: Addr<Notifier>,
    /// Whether one of them listens to events of jobs.
    pub interest: RemoteSubscribers,
    /// This node: what concerns it alone is not told.
    pub node: NodeId,
}

/// The actor. See the module.
pub struct Recorder {
    parts: RecorderParts,
    pending: VecDeque<Record>,
    /// What nobody waits for.
    later: VecDeque<Record>,
    /// Whether that has waited long enough.
    is_later_due: bool,
    /// What is waiting for that.
    later_timer: Option<SpawnHandle>,
    /// How many rows wait, all together.
    pending_rows: usize,
    is_committing: bool,
}

impl Recorder {
    /// A Recorder with nothing to do.
    pub fn new(parts: RecorderParts) -> Self {
        Self {
            parts,
            pending: VecDeque::new(),
            later: VecDeque::new(),
            is_later_due: false,
            later_timer: None,
            pending_rows: 0,
            is_committing: false,
        }
    }

    /// Takes what waits, up to a commit's size, and stops where a job comes a second time: within one commit the order
    /// of changes to one job would not be kept.
    fn next_batch(&mut self) -> Vec<Record> {
        let mut batch = Vec::new();
        let mut seen = HashSet::new();
        let mut rows = 0;
        if self.is_later_due
            && let Some(record) = self.later.pop_front()
        {
            // However much others want written, it has its turn.
            rows += record.changes.iter().map(rows_of).sum::<usize>();
            batch.push(record);
        }
        while let Some(record) = self.pending.front() {
            let record_rows: usize = record.changes.iter().map(rows_of).sum();
            if rows > 0 && rows + record_rows > COMMIT_ROWS_MAX {
                break;
            }
            let is_second = record.changes.iter().flat_map(job_ids).any(|id| !seen.insert(id));
            if is_second && rows > 0 {
                break;
            }
            rows += record_rows;
            batch.extend(self.pending.pop_front());
        }
        if rows > 0 {
            while let Some(record) = self.later.front() {
                let record_rows: usize = record.changes.iter().map(rows_of).sum();
                if rows > 0 && rows + record_rows > COMMIT_ROWS_MAX {
                    break;
                }
                rows += record_rows;
                batch.extend(self.later.pop_front());
            }
            self.is_later_due = !self.later.is_empty();
        }
        self.pending_rows = self.pending_rows.saturating_sub(rows);
        batch
    }

    fn commit_next(&mut self, ctx: &mut Context<Self>) {
        let mut batch = self.next_batch();
        if batch.is_empty() {
            self.is_committing = false;
            return;
        }
        self.is_committing = true;
        self.parts.time.begin();
        let repository = Arc::clone(&self.parts.repository);
        let announcements = self.parts.announcements.clone();
        let commit = async move {
            let mut changes = Vec::with_capacity(batch.len());
            let counts: Vec<usize> = batch.iter().map(|record| record.changes.len()).collect();
            for record in &mut batch {
                changes.append(&mut record.changes);
            }
            // In the same transaction: who is told of a change is told whatever happens to this server then.
            changes.extend(announcements.announcer_of(&changes).map(Change::Announce));
            let began = Instant::now();
            let outcome = repository.commit(&changes).await;
            let answers = batch.into_iter().map(|record| record.answer).zip(counts).collect();
            (changes, answers, outcome, began.elapsed())
        };
        ctx.spawn(
            commit
                .into_actor(self)
                .map(|(changes, answers, outcome, took), recorder, ctx| {
                    recorder.parts.time.end();
                    recorder.report(&changes, &outcome, took);
                    recorder.settle(changes, answers, outcome, ctx);
                    recorder.commit_next(ctx);
                }),
        );
    }

    /// Tells who exports numbers.
    fn report(&self, changes: &[Change], outcome: &Result<Vec<ChangeResult>, RepositoryError>, took: Duration) {
        let Ok(results) = outcome else { return };
        if self.parts.log_jobs {
            for (change, result) in changes.iter().zip(results) {
                if let Ok(applied) = result {
                    job_log::log_end(change, applied);
                }
            }
        }
        if self.parts.traces.are_told() {
            let now = self.parts.clock.now();
            for (change, result) in changes.iter().zip(results) {
                if let Ok(applied) = result {
                    self.parts.traces.note(change, applied, now);
                }
            }
        }
        if !self.parts.tap.is_open() {
            return;
        }
        let mut report = CommitReport {
            changes: changes.len(),
            took,
            ..CommitReport::default()
        };
        for (change, result) in changes.iter().zip(results) {
            if let Ok(applied) = result {
                report.note(change, applied);
                if let Change::Attempts(attempts) = change {
                    let name = self.parts.announcements.book().name_of(attempts.endpoint_id);
                    report
                        .deliveries
                        .extend(name.map(|name| DeliveryReport::new(name, attempts)));
                }
            }
        }
        self.parts.tap.tell(report);
    }

    fn settle(
        &mut self,
        changes: Vec<Change>,
        answers: Vec<(Answer, usize)>,
        outcome: Result<Vec<ChangeResult>, RepositoryError>,
        ctx: &mut Context<Self>,
    ) {
        match outcome {
            Ok(results) => {
                let is_heard_here = self.parts.event_bus.is_any_in(Topic::Jobs);
                let is_heard_elsewhere = self
                    .parts
                    .others
                    .as_ref()
                    .is_some_and(|others| others.interest.is_any());
                let is_hooked = self.parts.on_saved.is_some();
                let mut effects = Effects::new(
                    is_heard_here || is_heard_elsewhere || is_hooked,
                    Some(self.parts.handled.clone()),
                );
                let now = self.parts.clock.now();
                for (change, result) in changes.iter().zip(&results) {
                    if let Ok(applied) = result {
                        self.parts.announcements.book().note(change, applied);
                        effects.note(change, applied, now);
                    }
                }
                let mut results = results.into_iter();
                for (answer, count) in answers {
                    // A caller that no longer waits is no mistake: what it asked for is done all the same.
                    drop(answer.send(Ok(results.by_ref().take(count).collect())));
                }
                self.spread(effects, ctx);
            }
            Err(failure) => {
                if matches!(failure, RepositoryError::Corrupt { .. }) {
                    error!("a commit of {} changes failed: {failure}", changes.len());
                } else {
                    debug!("a commit of {} changes failed: {failure}", changes.len());
                    if self.parts.repository.outage().is_none() {
                        self.parts.outage.failed(&failure);
                    }
                }
                // A lost message costs the time until the next check.
                let _ = self.parts.sampler.try_send(LookNow);
                for (answer, _) in answers {
                    // As above.
                    drop(answer.send(Err(RecordError::from(failure.clone()))));
                }
            }
        }
    }

    fn spread(&self, effects: Effects, ctx: &mut Context<Self>) {
        let Effects {
            due,
            arm,
            switched,
            cancel,
            drained,
            events,
            has_recurring,
            outbound,
            wants_events: _,
            handled: _,
        } = effects;
        if let Some(hook) = &self.parts.on_saved {
            hook.call(&events);
        }
        if !outbound.is_empty() {
            deliver(&self.parts.dispatcher, outbound, ctx);
        }
        if has_recurring {
            deliver(&self.parts.recurring, RecurringChanged, ctx);
        }
        if let Some(others) = &self.parts.others {
            let mut signals = signals_of(&switched, &cancel, &events, others);
            if has_recurring {
                signals.push(Signal::RecurringChanged);
            }
            let of_others = drained.iter().filter(|switched| switched.node != others.node);
            signals.extend(
                of_others.map(|NodeDrainChanged { node, is_draining }| Signal::DrainSwitched {
                    node: *node,
                    is_draining: *is_draining,
                }),
            );
            if !signals.is_empty() {
                deliver(&others.notifier, Broadcast { signals }, ctx);
            }
        }
        if !due.is_empty() {
            deliver(&self.parts.queues, JobsDue { by_queue: due }, ctx);
        }
        if !arm.is_empty() {
            deliver(&self.parts.scheduler, ScheduleWakeup { due: arm }, ctx);
        }
        for message in switched {
            deliver(&self.parts.queues, message, ctx);
        }
        for message in drained {
            deliver(&self.parts.queues, message, ctx);
        }
        for message in cancel {
            deliver(&self.parts.queues, message, ctx);
        }
        let is_heard_here = [Topic::Jobs, Topic::Queues]
            .into_iter()
            .any(|topic| self.parts.event_bus.is_any_in(topic));
        if !events.is_empty() && is_heard_here {
            self.parts.event_bus.publish(events);
        }
    }
}

/// What a commit means for other nodes.
fn signals_of(switched: &[QueuePauseChanged], cancel: &[CancelJob], events: &[Event], others: &Others) -> Vec<Signal> {
    let mut signals: Vec<Signal> = switched
        .iter()
        .map(|QueuePauseChanged { queue, is_paused }| Signal::QueueSwitched {
            queue: queue.clone(),
            is_paused: *is_paused,
        })
        .collect();
    signals.extend(
        cancel
            .iter()
            .filter(|cancel| cancel.node != Some(others.node))
            .map(|cancel| Signal::CancelAttempt {
                queue: cancel.queue.clone(),
                job_id: cancel.job_id,
                attempt: cancel.attempt,
            }),
    );
    for event in events {
        match event {
            Event::Queue {
                kind: QueueEventKind::Cleared,
                at: _,
                queue,
            } => signals.push(Signal::QueueCleared { queue: queue.clone() }),
            // Told as what it is above: switched.
            Event::Queue { .. } => {}
            // Every node samples for itself.
            Event::QueueMetrics { .. } | Event::SystemMetrics(_) | Event::SystemAlert { .. } => {}
            // Told on this node alone: whoever listens elsewhere finds the newest in the job's detail.
            Event::JobReport { .. } => {}
            Event::Job { kind, at, job } => {
                if others.interest.is_any() {
                    signals.push(Signal::Job(JobSignal {
                        kind: *kind,
                        job_id: job.id,
                        at: *at,
                    }));
                }
            }
        }
    }
    signals
}

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Supervised for Recorder {
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.parts.time.end();
        // Who waits for an answer learns that there is none; what had been committed is in storage.
        *self = Self::new(self.parts.clone());
    }
}

impl Handler<Record> for Recorder {
    type Result = ();

    fn handle(&mut self, record: Record, ctx: &mut Context<Self>) {
        let rows: usize = record.changes.iter().map(rows_of).sum();
        // What is more than all that may wait is taken when nothing waits: it would be refused for ever.
        let is_too_much = self.pending_rows > 0 && self.pending_rows + rows > PENDING_ROWS_MAX;
        if record.origin == Origin::Outside && is_too_much {
            // The caller may have gone; then nobody needs the answer.
            drop(record.answer.send(Err(RecordError::Busy)));
            return;
        }
        self.pending_rows += rows;
        if record.origin == Origin::Later {
            self.later.push_back(record);
            if self.later_timer.is_none() {
                self.later_timer = Some(ctx.run_later(LATER, |recorder, ctx| {
                    recorder.later_timer = None;
                    recorder.is_later_due = !recorder.later.is_empty();
                    if recorder.is_later_due && !recorder.is_committing {
                        recorder.commit_next(ctx);
                    }
                }));
            }
            return;
        }
        if record
            .changes
            .iter()
            .any(|change| matches!(change, Change::Heartbeat { .. }))
        {
            // The node's lease must not run out behind what others want written.
            self.pending.push_front(record);
        } else {
            self.pending.push_back(record);
        }
        if !self.is_committing {
            self.is_committing = true;
            // Polled when the mailbox is empty: what has come together is committed together.
            ctx.spawn(
                std::future::ready(())
                    .into_actor(self)
                    .map(|(), recorder, ctx| recorder.commit_next(ctx)),
            );
        }
    }
}

impl Handler<ReportPending> for Recorder {
    type Result = usize;

    fn handle(&mut self, ReportPending: ReportPending, _: &mut Context<Self>) -> usize {
        self.pending_rows
    }
}
