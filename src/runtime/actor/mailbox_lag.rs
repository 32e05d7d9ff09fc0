//! How long messages wait in the mailboxes of actors: each actor is sent a `Pulse`, which waits like any other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::dev::{MessageResult, ToEnvelope};
use actix::{Actor, Addr, Handler, Message, Recipient, WeakRecipient};
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::runtime::cluster::lease_renewer::LeaseRenewer;
use crate::runtime::cluster::notifier::Notifier;
use crate::runtime::cluster::orphan_recovery::OrphanRecovery;
use crate::runtime::dispatch::dispatcher::QueueDispatcher;
use crate::runtime::dispatch::registry::QueueRegistry;
use crate::runtime::events::event_bus::EventBus;
use crate::runtime::maintenance::pruner::Pruner;
use crate::runtime::monitoring::metrics_sampler::Sampler;
use crate::runtime::outbound::data_sync::SyncSender;
use crate::runtime::outbound::dispatcher::WebhookDispatcher;
use crate::runtime::outbound::sender::WebhookSender;
use crate::runtime::schedule::clock_watch::ClockWatch;
use crate::runtime::schedule::due_jobs::Scheduler;
use crate::runtime::schedule::recurring_jobs::RecurringScheduler;
use crate::runtime::writer::Recorder;

/// How long an actor is waited for. One that takes longer is told to take so long.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks how long a message has waited.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Duration")]
pub struct Pulse {
    sent_at: Instant,
}

macro_rules! have_a_pulse {
    ($($actor:ty),+ $(,)?) => {$(
        impl Handler<Pulse> for $actor {
            type Result = MessageResult<Pulse>;

            fn handle(&mut self, Pulse { sent_at }: Pulse, _: &mut Self::Context) -> Self::Result {
                MessageResult(sent_at.elapsed())
            }
        }
    )+};
}

// Not Workers: they are many, and hold one job at a time.
have_a_pulse!(
    ClockWatch,
    EventBus,
    LeaseRenewer,
    Notifier,
    Pruner,
    QueueDispatcher,
    QueueRegistry,
    Recorder,
    RecurringScheduler,
    OrphanRecovery,
    Sampler,
    Scheduler,
    SyncSender,
    WebhookDispatcher,
    WebhookSender,
);

/// The actors whose pulse can be felt.
#[derive(Clone, Debug, Default)]
pub struct Pulses(Arc<Mutex<Vec<Felt>>>);

/// What an actor is called, and where it is.
type Felt = (&'static str, WeakRecipient<Pulse>);

impl Pulses {
    /// Adds an actor.
    pub(crate) fn add<A>(&self, name: &'static str, address: &Addr<A>)
    where
        A: Actor + Handler<Pulse>,
        A::Context: ToEnvelope<A, Pulse>,
    {
        let mut actors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those of queues and endpoints come and go.
        actors.retain(|(_, actor)| actor.upgrade().is_some());
        actors.push((name, address.downgrade().recipient()));
    }

    /// How long a message waits for each kind of actor, at the longest. Takes at most a second.
    pub async fn lags(&self) -> Vec<(&'static str, Duration)> {
        let actors: Vec<(&'static str, Recipient<Pulse>)> = {
            let actors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let actors = actors.iter();
            actors
                .filter_map(|(name, actor)| Some((*name, actor.upgrade()?)))
                .collect()
        };
        let waits = actors.into_iter().map(|(name, actor)| async move {
            let pulse = Pulse {
                sent_at: Instant::now(),
            };
            match timeout(PATIENCE, actor.send(pulse)).await {
                Ok(Ok(waited)) => Some((name, waited)),
                // It has stopped, or was restarted over it.
                Ok(Err(_)) => None,
                Err(_) => Some((name, PATIENCE)),
            }
        });
        let mut longest: Vec<(&'static str, Duration)> = Vec::new();
        for (name, waited) in join_all(waits).await.into_iter().flatten() {
            match longest.iter_mut().find(|(known, _)| *known == name) {
                Some((_, longest)) => *longest = waited.max(*longest),
                None => longest.push((name, waited)),
            }
        }
        longest
    }
}
