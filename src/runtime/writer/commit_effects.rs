//! Effects of a commit: notifications, wake-ups and events.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::events::event::{Event, JobEventKind, QueueEventKind};
use crate::domain::job::Job;
use crate::domain::job::status::JobStatus;
use crate::domain::values::name::QueueName;
use crate::runtime::dispatch::handled_types::HandledTypes;
use crate::runtime::dispatch::messages::{CancelJob, NodeDrainChanged, QueuePauseChanged};
use crate::runtime::outbound::messages::OutboxUpdate;
use crate::storage::change::{
    Applied, Change, ClusterChange, Finished, Fire, Inserted, JobChange, QueueChange, RecurringChange, WebhookChange,
};

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
    /// New deliveries and changes of webhook endpoints.
    pub(crate) outbox: OutboxUpdate,
    /// Collect events of jobs.
    pub(crate) wants_events: bool,
    /// Receives the types of pending jobs; `None` before the commit.
    pub(crate) handled: Option<HandledTypes>,
}

impl CommitEffects {
    pub(crate) fn new(wants_events: bool, handled: Option<HandledTypes>) -> Self {
        Self {
            due: HashMap::new(),
            due_later: Vec::new(),
            paused: Vec::new(),
            cancelled: Vec::new(),
            draining: Vec::new(),
            events: Vec::new(),
            has_recurring: false,
            outbox: OutboxUpdate::default(),
            wants_events,
            handled,
        }
    }

    /// Adds the effects of an applied change.
    pub(crate) fn add(&mut self, change: &Change, applied: &Applied, now: DateTime<Utc>) {
        match (change, applied) {
            (Change::Job(JobChange::Insert { jobs, .. }), Applied::Inserted(inserted)) => {
                for (job, inserted) in jobs.iter().zip(inserted) {
                    if *inserted == Inserted::New {
                        self.event(JobEventKind::Created, job, now);
                        self.wake(job, now);
                    }
                }
            }
            (Change::Job(JobChange::Start { jobs }), Applied::Started(started)) => {
                for (job, _) in jobs.iter().zip(started).filter(|(_, started)| **started) {
                    self.event(JobEventKind::Started, job, now);
                }
            }
            (Change::Job(JobChange::Claim(_)), Applied::Claimed(jobs)) => {
                for job in jobs {
                    self.event(JobEventKind::Started, job, now);
                }
            }
            (Change::Job(JobChange::Finish { job, .. }), Applied::Finished(Finished::Stored)) => self.ended(job, now),
            (Change::Job(JobChange::Update { before, after }), Applied::Updated) => match (before.status, after.status)
            {
                (_, JobStatus::Running) => {
                    if after.cancel_requested {
                        self.cancelled.push(CancelJob {
                            queue: after.queue.clone(),
                            job_id: after.id,
                            attempt: after.attempt,
                            node: after.node,
                        });
                    }
                }
                (JobStatus::Pending, JobStatus::Pending) => {
                    self.event(JobEventKind::Changed, after, now);
                    self.wake(after, now);
                }
                (_, JobStatus::Pending | JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled) => {
                    self.ended(after, now);
                }
            },
            (Change::Recurring(RecurringChange::Fire(Fire { occurrences, .. })), Applied::Fired(fired)) => {
                for (job, _) in occurrences.iter().zip(fired).filter(|(_, fired)| **fired) {
                    self.event(JobEventKind::Created, job, now);
                    self.wake(job, now);
                }
            }
            (Change::Recurring(RecurringChange::Trigger { occurrence, .. }), Applied::Fired(fired))
                if fired.contains(&true) =>
            {
                self.event(JobEventKind::Created, occurrence, now);
                self.wake(occurrence, now);
            }
            (
                Change::Recurring(RecurringChange::Insert { .. }) | Change::Recurring(RecurringChange::Update { .. }),
                Applied::RecurringStored,
            ) => {
                self.has_recurring = true;
            }
            (Change::Job(JobChange::Report { job, report }), Applied::Reported(true)) if self.wants_events => {
                self.events.push(Event::JobReport {
                    at: now,
                    job: Arc::clone(job),
                    report: Arc::clone(report),
                });
            }
            (Change::Job(JobChange::Delete { job }), Applied::Deleted) => self.event(JobEventKind::Deleted, job, now),
            (Change::Queue(QueueChange::Clear { queue, limit, .. }), Applied::Removed(count))
                if *count < u64::from(*limit) =>
            {
                self.events.push(Event::Queue {
                    kind: QueueEventKind::Cleared,
                    at: now,
                    queue: queue.clone(),
                });
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
                self.events.push(Event::Queue {
                    kind,
                    at: now,
                    queue: queue.clone(),
                });
                self.paused.push(QueuePauseChanged {
                    queue: queue.clone(),
                    is_paused: *is_paused,
                });
            }
            (
                Change::Cluster(ClusterChange::SetDraining { node, is_draining }),
                Applied::DrainSet { changed: true },
            ) => {
                self.draining.push(NodeDrainChanged {
                    node: *node,
                    is_draining: *is_draining,
                });
            }
            (Change::Announce(_) | Change::Webhook(WebhookChange::Post(_)), Applied::Announced(endpoints)) => {
                self.outbox.add(endpoints)
            }
            (Change::Announce(_), Applied::AnnouncedAnew(endpoints, _)) => {
                self.outbox.add(endpoints);
                self.outbox.is_changed = true;
            }
            (Change::Webhook(WebhookChange::Review(_)), Applied::Reviewed(reviewed)) => {
                self.outbox.is_changed |= !reviewed.retired.is_empty() || !reviewed.removed.is_empty();
            }
            (
                Change::Webhook(WebhookChange::Redeliver { .. }) | Change::Webhook(WebhookChange::SetBack { .. }),
                Applied::Removed(1..),
            ) => self.outbox.is_any = true,
            (Change::Webhook(WebhookChange::Put { .. }), Applied::EndpointStored)
            | (Change::Webhook(WebhookChange::Delete { .. }), Applied::Deleted)
            | (Change::Webhook(WebhookChange::Attempts(_)), Applied::Attempted { is_disabled: true }) => {
                self.outbox.is_changed = true
            }
            // Other changes have no effect beyond their result.
            _ => {}
        }
    }

    /// The job no longer runs: it has finished, or is pending again.
    fn ended(&mut self, job: &Arc<Job>, now: DateTime<Utc>) {
        let kind = match job.status {
            JobStatus::Pending => JobEventKind::Retrying,
            JobStatus::Running => return,
            JobStatus::Completed => JobEventKind::Completed,
            JobStatus::Failed => JobEventKind::Failed,
            JobStatus::Cancelled => JobEventKind::Cancelled,
        };
        self.has_recurring |= job.occurrence.is_some() && job.status.is_finished();
        self.event(kind, job, now);
        self.wake(job, now);
    }

    fn event(&mut self, kind: JobEventKind, job: &Arc<Job>, at: DateTime<Utc>) {
        if self.wants_events {
            self.events.push(Event::Job {
                kind,
                at,
                job: Arc::clone(job),
            });
        }
    }

    fn wake(&mut self, job: &Arc<Job>, now: DateTime<Utc>) {
        if job.status != JobStatus::Pending {
            return;
        }
        if let Some(handled) = &self.handled {
            handled.note_pending(job);
        }
        if job.due_at > now {
            self.due_later.push((job.queue.clone(), job.due_at));
        } else if let Some(jobs) = self.due.get_mut(&job.queue) {
            jobs.push(Arc::clone(job));
        } else {
            self.due.insert(job.queue.clone(), vec![Arc::clone(job)]);
        }
    }
}
