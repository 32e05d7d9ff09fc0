//! Mailbox lag: how long messages wait in the mailboxes of actors, measured by a probe that waits like any other message.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message, Recipient, WeakRecipient};
use futures_util::future::join_all;
use tokio::time::timeout;

/// Maximum time that a probe waits. A longer lag is reported as this time.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Requests the time that this message has waited.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "Duration")]
pub struct LagProbe {
    sent_at: Instant,
}

impl LagProbe {
    pub(crate) fn waited(self) -> Duration {
        self.sent_at.elapsed()
    }
}

/// Implements the handler of [`LagProbe`] for an actor, beside the actor.
macro_rules! report_mailbox_lag {
    ($actor:ty) => {
        impl actix::Handler<$crate::runtime::actor::mailbox_lag::LagProbe> for $actor {
            type Result = actix::MessageResult<$crate::runtime::actor::mailbox_lag::LagProbe>;

            fn handle(
                &mut self,
                probe: $crate::runtime::actor::mailbox_lag::LagProbe,
                _: &mut Self::Context,
            ) -> Self::Result {
                actix::MessageResult(probe.waited())
            }
        }
    };
}

pub(crate) use report_mailbox_lag;

/// The actors whose mailbox lag is measured.
#[derive(Clone, Debug, Default)]
pub struct LagProbes(Arc<Mutex<Vec<ProbedActor>>>);

/// Name and address of an actor.
type ProbedActor = (&'static str, WeakRecipient<LagProbe>);

impl LagProbes {
    /// Adds an actor.
    pub(crate) fn add<A>(&self, name: &'static str, address: &Addr<A>)
    where
        A: Actor + Handler<LagProbe>,
        A::Context: ToEnvelope<A, LagProbe>,
    {
        let mut actors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Actors of queues and endpoints come and go.
        actors.retain(|(_, actor)| actor.upgrade().is_some());
        actors.push((name, address.downgrade().recipient()));
    }

    /// The longest lag per name. Takes at most a second.
    pub async fn lags(&self) -> Vec<(&'static str, Duration)> {
        let actors: Vec<(&'static str, Recipient<LagProbe>)> = {
            let actors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let actors = actors.iter();
            actors
                .filter_map(|(name, actor)| Some((*name, actor.upgrade()?)))
                .collect()
        };
        let waits = actors.into_iter().map(|(name, actor)| async move {
            let probe = LagProbe {
                sent_at: Instant::now(),
            };
            match timeout(PROBE_TIMEOUT, actor.send(probe)).await {
                Ok(Ok(waited)) => Some((name, waited)),
                // The actor has stopped or was restarted.
                Ok(Err(_)) => None,
                Err(_) => Some((name, PROBE_TIMEOUT)),
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
