//! The metrics sampler: metrics of queues and of the server, and the server's health.
//!
//! It reads metrics while there are subscribers and publishes those that have changed. The metrics are counters in storage,
//! so that a read costs the same however many jobs there are. The health is checked always and published when it changes.
//!
//! New subscribers of a topic receive the current state: metrics of queues with the next read, so that a queue is
//! published once per interval, everything else at once.

mod context;
mod health_checker;
mod queue_metrics;
mod server_health;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, MessageResult, ResponseFuture, SpawnHandle, Supervised,
    WrapFuture,
};
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::debug;

pub(crate) use self::context::SamplerContext;
pub use self::context::SamplerOptions;
use self::health_checker::{Checked, check};
use self::queue_metrics::{total, with_timeout, with_workers};
use self::server_health::ServerHealth;
use super::messages::{CheckHealth, Quiesce, ReadHealth, ReadQueueMetrics, ReadSystemMetrics, TopicsSubscribed};
use super::process_metrics::UsageReader;
use crate::domain::events::event::{Event, Topic};
use crate::domain::metrics::health::HealthState;
use crate::domain::metrics::{QueueMetrics, SystemMetrics};
use crate::domain::queue::StoredQueue;
use crate::domain::values::name::QueueName;
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::actor::mailbox_lag::report_mailbox_lag;
use crate::runtime::events::event_bus::PublishState;
use crate::storage::repository::RepositoryError;

/// Capacity of the mailbox.
pub(crate) const MAILBOX_CAPACITY: usize = 4_096;

/// Maximum age of system metrics that are requested.
const FRESH: Duration = Duration::from_secs(1);
/// Interval between two checks during an outage of storage.
const OUTAGE_INTERVAL: Duration = Duration::from_secs(1);

type SystemMetricsResult = Result<Arc<SystemMetrics>, RepositoryError>;

/// The actor.
pub struct MetricsSampler {
    context: SamplerContext,
    usage: UsageReader,
    health: ServerHealth,
    /// The queues as they were last published; empty while there are no subscribers.
    published_queues: HashMap<QueueName, QueueMetrics>,
    is_reading_queues: bool,
    system: Option<(Instant, Arc<SystemMetrics>)>,
    is_checking: bool,
    /// End of the last check.
    checked_at: Option<Instant>,
    waiting: Vec<oneshot::Sender<SystemMetricsResult>>,
    queues_tick: SpawnHandle,
    is_quiescing: bool,
    /// Dropped once no read is in progress.
    quiesced: Vec<oneshot::Sender<()>>,
}

impl MetricsSampler {
    /// A sampler that has read nothing yet.
    pub fn new(context: SamplerContext) -> Self {
        Self {
            usage: UsageReader::new(),
            health: ServerHealth::new(),
            published_queues: HashMap::new(),
            is_reading_queues: false,
            system: None,
            is_checking: false,
            checked_at: None,
            waiting: Vec::new(),
            queues_tick: SpawnHandle::default(),
            is_quiescing: false,
            quiesced: Vec::new(),
            context,
        }
    }

    /// Reads the queues now, and then once per interval.
    fn restart_queue_reads(&mut self, ctx: &mut Context<Self>) {
        ctx.cancel_future(self.queues_tick);
        self.tick_queues(ctx);
    }

    /// The interval starts with this read: a delayed actor does not catch up on missed reads.
    fn tick_queues(&mut self, ctx: &mut Context<Self>) {
        self.queues_tick = ctx.run_later(self.context.options.queues_every, Self::tick_queues);
        // Known without a call to storage: the next check need not be awaited.
        let is_new = self.health.state() != HealthState::Unhealthy && self.context.repository.fault().is_some();
        if is_new {
            self.check(ctx);
        }
        self.read_queues(ctx);
    }

    /// Reads the queues and publishes those that have changed, if there are subscribers.
    fn read_queues(&mut self, ctx: &mut Context<Self>) {
        if !self.context.event_bus.is_any_in(Topic::QueueMetrics) {
            self.published_queues.clear();
            return;
        }
        // One read at a time, even if storage takes longer than an interval.
        if self.is_reading_queues || self.is_quiescing {
            return;
        }
        self.is_reading_queues = true;
        let (repository, now) = (Arc::clone(&self.context.repository), self.context.clock.now());
        let read = async move { with_timeout(&*repository, repository.queues(now)).await };
        ctx.spawn(read.into_actor(self).map(move |stored, sampler, ctx| {
            sampler.is_reading_queues = false;
            match stored {
                Ok(stored) => sampler.publish_queues(stored, now, ctx),
                // The health check reports it.
                Err(failure) => debug!("failed to read queues: {failure}"),
            }
            sampler.complete_quiesce();
        }));
    }

    fn publish_queues(&mut self, stored: Vec<StoredQueue>, at: DateTime<Utc>, ctx: &mut Context<Self>) {
        let is_whole = self.published_queues.is_empty();
        let mut changed = Vec::new();
        for metrics in with_workers(&self.context, stored) {
            let name = metrics.queue.name.clone();
            if self.published_queues.get(&name) != Some(&metrics) {
                changed.push(Event::QueueMetrics {
                    at,
                    metrics: Arc::new(metrics.clone()),
                });
                self.published_queues.insert(name, metrics);
            }
        }
        // Sent without changes too: there may be new subscribers.
        let state = PublishState {
            topic: Topic::QueueMetrics,
            changed,
            is_whole,
        };
        deliver(self.context.event_bus.address(), state, ctx);
    }

    /// Checks the server's health, and reads its metrics.
    fn check(&mut self, ctx: &mut Context<Self>) {
        if self.is_checking || self.is_quiescing {
            return;
        }
        self.is_checking = true;
        let context = self.context.clone();
        let check = async move { check(&context).await };
        ctx.spawn(check.into_actor(self).map(|checked, sampler, ctx| {
            sampler.is_checking = false;
            sampler.checked_at = Some(Instant::now());
            sampler.complete_check(checked, ctx);
            if sampler.context.outage.is_ongoing() {
                ctx.run_later(OUTAGE_INTERVAL, |sampler, ctx| sampler.check_unless_recent(ctx));
            }
            sampler.complete_quiesce();
        }));
    }

    /// Checks the health, unless it has just been found unhealthy.
    fn check_unless_recent(&mut self, ctx: &mut Context<Self>) {
        let is_recent = self.checked_at.is_some_and(|at| at.elapsed() < OUTAGE_INTERVAL / 2);
        if !is_recent || self.health.state() != HealthState::Unhealthy {
            self.check(ctx);
        }
    }

    fn complete_quiesce(&mut self) {
        if !self.is_reading_queues && !self.is_checking {
            // Dropping the senders completes the responses.
            self.quiesced.clear();
        }
    }

    fn complete_check(&mut self, Checked { counts, observations }: Checked, ctx: &mut Context<Self>) {
        let now = self.context.clock.now();
        if let Some(change) = self.health.evaluate(observations, &self.context, now) {
            let alert = Event::SystemAlert {
                at: now,
                change: Arc::new(change),
            };
            self.publish(Topic::SystemHealth, vec![alert], ctx);
        }
        let metrics = match (counts, &self.system) {
            (Ok(counts), _) => SystemMetrics {
                at: now,
                health: self.health.state(),
                total_jobs: total(&counts),
                active_workers: counts.running,
                queue_length: counts.pending,
                usage: self.usage.read(),
            },
            // The last metrics with their time: that the server is unhealthy must be readable.
            (Err(_), Some((_, last))) => SystemMetrics {
                health: self.health.state(),
                usage: self.usage.read(),
                ..SystemMetrics::clone(last)
            },
            // No metrics have been read yet: the health is all there is to report.
            (Err(_), None) => SystemMetrics {
                at: now,
                health: self.health.state(),
                total_jobs: 0,
                active_workers: 0,
                queue_length: 0,
                usage: self.usage.read(),
            },
        };
        let metrics = Arc::new(metrics);
        self.system = Some((Instant::now(), Arc::clone(&metrics)));
        for waiting in self.waiting.drain(..) {
            // The caller may have given up.
            drop(waiting.send(Ok(Arc::clone(&metrics))));
        }
        if self.context.event_bus.is_any_in(Topic::SystemMetrics) {
            self.publish(Topic::SystemMetrics, vec![Event::SystemMetrics(metrics)], ctx);
        }
    }

    fn publish(&self, topic: Topic, changed: Vec<Event>, ctx: &mut Context<Self>) {
        let state = PublishState {
            topic,
            changed,
            is_whole: false,
        };
        deliver(self.context.event_bus.address(), state, ctx);
    }

    fn fresh_system(&self) -> Option<&Arc<SystemMetrics>> {
        let (at, metrics) = self.system.as_ref()?;
        let is_well = metrics.health != HealthState::Unhealthy;
        let is_outdated = is_well && self.context.repository.fault().is_some();
        (at.elapsed() < FRESH && !is_outdated).then_some(metrics)
    }
}

impl Actor for MetricsSampler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Not in the constructor: a panic there is not supervised.
        self.health.start(self.context.clock.now());
        self.tick_queues(ctx);
        ctx.run_interval(self.context.options.system_every, Self::check);
    }
}

impl Supervised for MetricsSampler {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // What was published stays. Reads in progress are lost, and their callers receive an error.
        self.is_reading_queues = false;
        self.is_checking = false;
        self.waiting.clear();
        self.quiesced.clear();
    }
}

report_mailbox_lag!(MetricsSampler);

impl Handler<TopicsSubscribed> for MetricsSampler {
    type Result = ();

    fn handle(&mut self, TopicsSubscribed { topics }: TopicsSubscribed, ctx: &mut Context<Self>) {
        for topic in topics {
            match topic {
                Topic::QueueMetrics => {
                    // Otherwise the next read follows within an interval.
                    if self.published_queues.is_empty() {
                        self.restart_queue_reads(ctx);
                    }
                }
                Topic::SystemMetrics => {
                    if self.fresh_system().is_some() {
                        self.publish(topic, Vec::new(), ctx);
                    } else {
                        self.check(ctx);
                    }
                }
                Topic::SystemHealth => self.publish(topic, Vec::new(), ctx),
                Topic::Jobs | Topic::Queues | Topic::Operations => {}
            }
        }
    }
}

impl Handler<CheckHealth> for MetricsSampler {
    type Result = ();

    fn handle(&mut self, CheckHealth: CheckHealth, ctx: &mut Context<Self>) {
        self.check_unless_recent(ctx);
    }
}

impl Handler<ReadSystemMetrics> for MetricsSampler {
    type Result = ResponseFuture<SystemMetricsResult>;

    fn handle(&mut self, ReadSystemMetrics: ReadSystemMetrics, ctx: &mut Context<Self>) -> Self::Result {
        if let Some(metrics) = self.fresh_system() {
            let metrics = Arc::clone(metrics);
            return Box::pin(async move { Ok(metrics) });
        }
        let (sender, receiver) = oneshot::channel();
        if !self.is_quiescing {
            self.waiting.push(sender);
        }
        self.check(ctx);
        Box::pin(async move {
            receiver.await.unwrap_or_else(|_| {
                Err(RepositoryError::Unavailable {
                    reason: "the read of metrics was abandoned".to_owned(),
                })
            })
        })
    }
}

impl Handler<ReadQueueMetrics> for MetricsSampler {
    type Result = ResponseFuture<Result<Vec<QueueMetrics>, RepositoryError>>;

    fn handle(&mut self, ReadQueueMetrics { lane }: ReadQueueMetrics, _: &mut Context<Self>) -> Self::Result {
        let context = self.context.clone();
        Box::pin(async move {
            let read = lane.scope(context.repository.queues(context.clock.now()));
            let stored = with_timeout(&*context.repository, read).await?;
            Ok(with_workers(&context, stored))
        })
    }
}

impl Handler<Quiesce> for MetricsSampler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Quiesce: Quiesce, _: &mut Context<Self>) -> Self::Result {
        self.is_quiescing = true;
        // Requests for metrics fail from now on.
        self.waiting.clear();
        let (sender, receiver) = oneshot::channel();
        self.quiesced.push(sender);
        self.complete_quiesce();
        Box::pin(async move {
            // The sender is only ever dropped.
            let _ = receiver.await;
        })
    }
}

impl Handler<ReadHealth> for MetricsSampler {
    type Result = MessageResult<ReadHealth>;

    fn handle(&mut self, ReadHealth: ReadHealth, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.health.health().clone())
    }
}
