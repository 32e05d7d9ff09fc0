//! The Sampler: how things are, again and again.
//!
//! It reads the numbers of queues and of the whole server while somebody listens, and tells those that have changed. Since
//! the numbers are counters in storage, that costs the same however many jobs there are. It looks after the server's
//! health always, and tells when it changes.
//!
//! A listener that comes to a topic is told how things are: numbers of queues at the next reading, so that nobody is told
//! of a queue twice within one interval, everything else at once.

mod look;
mod numbers;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, SpawnHandle, Supervised, WrapFuture,
};
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use self::look::{Seen, look};
use self::numbers::{answer_in_time, total, with_workers};
use super::process_metrics::UsageReader;
use crate::domain::events::event::{Event, Topic};
use crate::domain::metrics::health;
use crate::domain::metrics::health::{Health, HealthChange, HealthReason, HealthRules, HealthState, HealthWatch};
use crate::domain::metrics::{QueueMetrics, SystemMetrics};
use crate::domain::queue::{QueueSettings, StoredQueue};
use crate::domain::values::id::NodeId;
use crate::domain::values::name::QueueName;
use crate::runtime::actor::clock::Clock;
use crate::runtime::actor::mailbox::deliver;
use crate::runtime::actor::supervisor::Supervisor;
use crate::runtime::dispatch::blocked_handlers::BlockedHandlers;
use crate::runtime::dispatch::handled_types::HandledTypes;
use crate::runtime::events::event_bus::{EventBusHandle, PublishState};
use crate::runtime::writer::RecorderHandle;
use crate::storage::outage::StorageOutage;
use crate::storage::repository::{JobRepository, RepositoryError};

/// How many messages the mailbox holds.
pub const MAILBOX_CAPACITY: usize = 4_096;

/// How old numbers may be that somebody asks for.
const FRESH: Duration = Duration::from_secs(1);
/// The time between two checks while storage fails.
const OUTAGE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the restart of a part of the server is a reason for a look at its log.
const RESTARTS_REMEMBERED: Duration = Duration::from_secs(300);

/// How often things are looked at, and what of it is told to be wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplerOptions {
    /// The time between two readings of the queues' numbers.
    pub queues_every: Duration,
    /// The time between two readings of the server's numbers, and two looks at its health.
    pub system_every: Duration,
    /// From when on something is wrong.
    pub rules: HealthRules,
    /// The folder that the database is in, where it is on a disk of this machine.
    pub disk: Option<Arc<Path>>,
}

impl Default for SamplerOptions {
    fn default() -> Self {
        Self {
            queues_every: Duration::from_secs(1),
            system_every: Duration::from_secs(5),
            rules: HealthRules::default(),
            disk: None,
        }
    }
}

/// What the Sampler is made of.
#[derive(Clone)]
pub struct SamplerParts {
    /// Where the counters are.
    pub repository: Arc<dyn JobRepository>,
    /// Knows what waits to be written.
    pub recorder: RecorderHandle,
    /// Who is told.
    pub event_bus: EventBusHandle,
    /// The queues that are configured.
    pub queues: Arc<[QueueSettings]>,
    /// How many workers a queue has that is not configured.
    pub workers_by_default: NonZeroU32,
    /// Which job types something runs.
    pub handled: HandledTypes,
    /// This node.
    pub node: NodeId,
    /// Where failures of storage are logged.
    pub outage: StorageOutage,
    /// What is known of the actors.
    pub supervisor: Supervisor,
    /// Handlers that block a thread after their attempt has ended.
    pub blocked: BlockedHandlers,
    /// How often things are looked at.
    pub options: SamplerOptions,
    /// Tells the time.
    pub clock: Clock,
}

/// Somebody has begun to listen to these topics.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Wanted {
    /// Which.
    pub topics: Vec<Topic>,
}

/// The server in numbers that are no older than a second.
#[derive(Message)]
#[rtype(result = "Result<Arc<SystemMetrics>, RepositoryError>")]
pub struct ReadSystem;

/// All queues in numbers, read now.
#[derive(Message)]
#[rtype(result = "Result<Vec<QueueMetrics>, RepositoryError>")]
pub struct ReadQueues;

/// Something has failed: check the server's health now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct LookNow;

/// How the server was at the last look, and why.
#[derive(Message)]
#[rtype(result = "Health")]
pub struct ReadHealth;

/// Begin no further reading: storage is about to be closed. Answered when none is on its way any more.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Rest;

type SystemAnswer = Result<Arc<SystemMetrics>, RepositoryError>;

/// The actor. See the module.
pub struct Sampler {
    parts: SamplerParts,
    usage: UsageReader,
    health: Health,
    watch: HealthWatch,
    /// Since when it looks.
    began: Instant,
    /// Since when the state is what it is; nothing before the start.
    health_since: Option<DateTime<Utc>>,
    restarts_seen: u64,
    restarts_lately: Vec<(Instant, u64)>,
    /// The queues as they were last told; nothing while nobody listens.
    queues_told: HashMap<QueueName, QueueMetrics>,
    is_reading_queues: bool,
    system: Option<(Instant, Arc<SystemMetrics>)>,
    is_looking: bool,
    /// When the last check ended.
    looked_at: Option<Instant>,
    waiting: Vec<oneshot::Sender<SystemAnswer>>,
    queues_tick: SpawnHandle,
    is_resting: bool,
    /// Who waits until no reading is on its way.
    rests: Vec<oneshot::Sender<()>>,
}

impl Sampler {
    /// A Sampler that takes the server to be well until it has looked.
    pub fn new(parts: SamplerParts) -> Self {
        Self {
            usage: UsageReader::new(),
            health: Health::well(),
            watch: HealthWatch::default(),
            began: Instant::now(),
            health_since: None,
            restarts_seen: 0,
            restarts_lately: Vec::new(),
            queues_told: HashMap::new(),
            is_reading_queues: false,
            system: None,
            is_looking: false,
            looked_at: None,
            waiting: Vec::new(),
            queues_tick: SpawnHandle::default(),
            is_resting: false,
            rests: Vec::new(),
            parts,
        }
    }

    /// Reads the queues now, and from now on once an interval.
    fn begin_with_queues(&mut self, ctx: &mut Context<Self>) {
        ctx.cancel_future(self.queues_tick);
        self.tick_queues(ctx);
    }

    /// Counted from this reading: an actor that was held up does not catch up on what it has left out.
    fn tick_queues(&mut self, ctx: &mut Context<Self>) {
        self.queues_tick = ctx.run_later(self.parts.options.queues_every, Self::tick_queues);
        // Found without a call: no need to wait for the next check.
        let is_new = self.health.state != HealthState::Unhealthy && self.parts.repository.fault().is_some();
        if is_new {
            self.look(ctx);
        }
        self.read_queues(ctx);
    }

    /// Reads the queues and tells which have changed; does nothing while nobody listens.
    fn read_queues(&mut self, ctx: &mut Context<Self>) {
        if !self.parts.event_bus.is_any_in(Topic::QueueMetrics) {
            self.queues_told.clear();
            return;
        }
        // A storage that takes longer than an interval is not asked twice at a time.
        if self.is_reading_queues || self.is_resting {
            return;
        }
        self.is_reading_queues = true;
        let (repository, now) = (Arc::clone(&self.parts.repository), self.parts.clock.now());
        let read = async move { answer_in_time(repository.queues(now)).await };
        ctx.spawn(read.into_actor(self).map(move |stored, sampler, ctx| {
            sampler.is_reading_queues = false;
            match stored {
                Ok(stored) => sampler.tell_queues(stored, now, ctx),
                // The look at the health tells it.
                Err(failure) => debug!("the queues could not be read: {failure}"),
            }
            sampler.come_to_rest();
        }));
    }

    fn tell_queues(&mut self, stored: Vec<StoredQueue>, at: DateTime<Utc>, ctx: &mut Context<Self>) {
        let is_whole = self.queues_told.is_empty();
        let mut changed = Vec::new();
        for metrics in with_workers(&self.parts, stored) {
            let name = metrics.queue.name.clone();
            if self.queues_told.get(&name) != Some(&metrics) {
                changed.push(Event::QueueMetrics {
                    at,
                    metrics: Arc::new(metrics.clone()),
                });
                self.queues_told.insert(name, metrics);
            }
        }
        // Told even when nothing has changed: somebody may be new.
        let state = PublishState {
            topic: Topic::QueueMetrics,
            changed,
            is_whole,
        };
        deliver(self.parts.event_bus.address(), state, ctx);
    }

    /// Looks at the server's health, and reads its numbers.
    fn look(&mut self, ctx: &mut Context<Self>) {
        if self.is_looking || self.is_resting {
            return;
        }
        self.is_looking = true;
        let parts = self.parts.clone();
        let look = async move { look(&parts).await };
        ctx.spawn(look.into_actor(self).map(|seen, sampler, ctx| {
            sampler.is_looking = false;
            sampler.looked_at = Some(Instant::now());
            sampler.judge(seen, ctx);
            if sampler.parts.outage.is_ongoing() {
                ctx.run_later(OUTAGE_INTERVAL, |sampler, ctx| sampler.look_unless_done(ctx));
            }
            sampler.come_to_rest();
        }));
    }

    /// Checks the health, unless that was done a moment ago.
    fn look_unless_done(&mut self, ctx: &mut Context<Self>) {
        let is_done = self.looked_at.is_some_and(|at| at.elapsed() < OUTAGE_INTERVAL / 2);
        if !is_done || self.health.state != HealthState::Unhealthy {
            self.look(ctx);
        }
    }

    fn come_to_rest(&mut self) {
        if !self.is_reading_queues && !self.is_looking {
            // Dropping its sender is the answer.
            self.rests.clear();
        }
    }

    fn judge(&mut self, seen: Seen, ctx: &mut Context<Self>) {
        let Seen {
            counts,
            mut observations,
        } = seen;
        observations.restarts_lately = self.restarts_lately();
        let rules = &self.parts.options.rules;
        let found = health::wrong(observations, rules);
        let health = self.watch.look(found, self.began.elapsed(), rules);
        let now = self.parts.clock.now();
        self.turn_to(health, now, ctx);
        let metrics = match (counts, &self.system) {
            (Ok(counts), _) => SystemMetrics {
                at: now,
                health: self.health.state,
                total_jobs: total(&counts),
                active_workers: counts.running,
                queue_length: counts.pending,
                usage: self.usage.read(),
            },
            // The last numbers with their time: that the server is unhealthy must be readable.
            (Err(_), Some((_, last))) => SystemMetrics {
                health: self.health.state,
                usage: self.usage.read(),
                ..SystemMetrics::clone(last)
            },
            // No numbers have been read yet: then none are known, and the health is all there is to report.
            (Err(_), None) => SystemMetrics {
                at: now,
                health: self.health.state,
                total_jobs: 0,
                active_workers: 0,
                queue_length: 0,
                usage: self.usage.read(),
            },
        };
        let metrics = Arc::new(metrics);
        self.system = Some((Instant::now(), Arc::clone(&metrics)));
        for asked in self.waiting.drain(..) {
            // Who no longer waits needs no answer.
            drop(asked.send(Ok(Arc::clone(&metrics))));
        }
        if self.parts.event_bus.is_any_in(Topic::SystemMetrics) {
            self.tell(Topic::SystemMetrics, vec![Event::SystemMetrics(metrics)], ctx);
        }
    }

    fn restarts_lately(&mut self) -> u64 {
        let count = self.parts.supervisor.restarts();
        if count > self.restarts_seen {
            self.restarts_lately.push((Instant::now(), count - self.restarts_seen));
            self.restarts_seen = count;
        }
        self.restarts_lately
            .retain(|(at, _)| at.elapsed() < RESTARTS_REMEMBERED);
        self.restarts_lately.iter().map(|(_, count)| count).sum()
    }

    fn turn_to(&mut self, health: Health, at: DateTime<Utc>, ctx: &mut Context<Self>) {
        if !health.is_news_after(&self.health) {
            self.health = health;
            return;
        }
        log_change(&self.health, &health, &self.parts.outage);
        let change = HealthChange {
            before: self.health.state,
            before_since: self.health_since.unwrap_or(at),
            after: health.clone(),
        };
        if health.state != self.health.state {
            self.health_since = Some(at);
        }
        self.health = health;
        let alert = Event::SystemAlert {
            at,
            change: Arc::new(change),
        };
        self.tell(Topic::SystemHealth, vec![alert], ctx);
    }

    fn tell(&self, topic: Topic, changed: Vec<Event>, ctx: &mut Context<Self>) {
        let state = PublishState {
            topic,
            changed,
            is_whole: false,
        };
        deliver(self.parts.event_bus.address(), state, ctx);
    }

    fn fresh_system(&self) -> Option<&Arc<SystemMetrics>> {
        let (at, metrics) = self.system.as_ref()?;
        let is_well = metrics.health != HealthState::Unhealthy;
        let is_outdated = is_well && self.parts.repository.fault().is_some();
        (at.elapsed() < FRESH && !is_outdated).then_some(metrics)
    }
}

/// Logs that the server's health has changed, unless an outage of storage is all there is: that is logged where it is noted.
fn log_change(before: &Health, after: &Health, outage: &StorageOutage) {
    let others = |health: &Health| {
        let is_logged = |reason: &HealthReason| {
            reason.is_of_storage() || (outage.is_ongoing() && matches!(reason, HealthReason::DiskFull { .. }))
        };
        let reasons = health.reasons.iter().filter(|reason| !is_logged(reason));
        Health::of(reasons.cloned().collect())
    };
    if !others(after).is_news_after(&others(before)) {
        return;
    }
    let state = after.state.as_str();
    if after.state == HealthState::Healthy {
        info!("the server is {state} again");
    } else {
        let reasons: Vec<String> = after.reasons.iter().map(HealthReason::message).collect();
        warn!("the server is {state}: {}", reasons.join("; "));
    }
}

impl Actor for Sampler {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        // Not when it is made: there nobody would restart it.
        self.health_since.get_or_insert(self.parts.clock.now());
        self.tick_queues(ctx);
        ctx.run_interval(self.parts.options.system_every, Self::look);
    }
}

impl Supervised for Sampler {
    fn restarting(&mut self, _: &mut Context<Self>) {
        // What was told stays; what was on its way is lost with its futures, and those who wait for it are told so.
        self.is_reading_queues = false;
        self.is_looking = false;
        self.waiting.clear();
        self.rests.clear();
    }
}

impl Handler<Wanted> for Sampler {
    type Result = ();

    fn handle(&mut self, Wanted { topics }: Wanted, ctx: &mut Context<Self>) {
        for topic in topics {
            match topic {
                Topic::QueueMetrics => {
                    // Nothing was told while nobody listened; otherwise the next reading is soon.
                    if self.queues_told.is_empty() {
                        self.begin_with_queues(ctx);
                    }
                }
                Topic::SystemMetrics => {
                    if self.fresh_system().is_some() {
                        self.tell(topic, Vec::new(), ctx);
                    } else {
                        self.look(ctx);
                    }
                }
                Topic::SystemHealth => self.tell(topic, Vec::new(), ctx),
                Topic::Jobs | Topic::Queues => {}
            }
        }
    }
}

impl Handler<LookNow> for Sampler {
    type Result = ();

    fn handle(&mut self, LookNow: LookNow, ctx: &mut Context<Self>) {
        self.look_unless_done(ctx);
    }
}

impl Handler<ReadSystem> for Sampler {
    type Result = ResponseFuture<SystemAnswer>;

    fn handle(&mut self, ReadSystem: ReadSystem, ctx: &mut Context<Self>) -> Self::Result {
        if let Some(metrics) = self.fresh_system() {
            let metrics = Arc::clone(metrics);
            return Box::pin(async move { Ok(metrics) });
        }
        let (asked, answer) = oneshot::channel();
        if !self.is_resting {
            self.waiting.push(asked);
        }
        self.look(ctx);
        Box::pin(async move {
            answer.await.unwrap_or_else(|_| {
                Err(RepositoryError::Unavailable {
                    reason: "the numbers were being read and that was given up".to_owned(),
                })
            })
        })
    }
}

impl Handler<ReadQueues> for Sampler {
    type Result = ResponseFuture<Result<Vec<QueueMetrics>, RepositoryError>>;

    fn handle(&mut self, ReadQueues: ReadQueues, _: &mut Context<Self>) -> Self::Result {
        let parts = self.parts.clone();
        Box::pin(async move {
            let stored = answer_in_time(parts.repository.queues(parts.clock.now())).await?;
            Ok(with_workers(&parts, stored))
        })
    }
}

impl Handler<Rest> for Sampler {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, Rest: Rest, _: &mut Context<Self>) -> Self::Result {
        self.is_resting = true;
        // Whoever asks for numbers now is told that there are none.
        self.waiting.clear();
        let (resting, rested) = oneshot::channel();
        self.rests.push(resting);
        self.come_to_rest();
        Box::pin(async move {
            // The sender is only ever dropped.
            let _ = rested.await;
        })
    }
}

impl Handler<ReadHealth> for Sampler {
    type Result = actix::MessageResult<ReadHealth>;

    fn handle(&mut self, ReadHealth: ReadHealth, _: &mut Context<Self>) -> Self::Result {
        actix::MessageResult(self.health.clone())
    }
}
