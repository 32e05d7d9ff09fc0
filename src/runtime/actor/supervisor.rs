//! Supervision: an actor that panics is restarted and continues with the messages of its mailbox.
//!
//! actix's own `Supervisor` catches no panic: the actor's task ends and its mailbox closes. Here the actor's context
//! future is polled under `catch_unwind`. After a panic the context is restarted: its spawned futures are dropped,
//! its mailbox and addresses remain, [`actix::Supervised::restarting`] resets the actor to its initial state, and
//! `started` runs again, where an actor reads its state from storage. Only the message that was being handled is
//! lost; its sender receives an error at once, because the sender of the response is dropped.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use actix::dev::channel::{AddressReceiver, channel};
use actix::dev::{AsyncContextParts, ContextFut};
use actix::{Actor, Addr, ArbiterHandle, Context, Handler, Supervised};
use tokio::runtime::Handle;
use tokio::time::Sleep;
use tracing::error;

use super::mailbox_lag::{LagProbe, LagProbes};

/// A second panic within this time delays the restart, so that an actor that can't start does not occupy a core.
const RESTART_WINDOW: Duration = Duration::from_secs(1);
const RESTART_BACKOFF: Duration = Duration::from_millis(100);

/// Counts restarts of actors and measures their mailbox lag.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    restarts: Arc<AtomicU64>,
    lag_probes: LagProbes,
}

impl Supervisor {
    /// Number of restarts since the process started.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// Mailbox lag of the actors.
    pub const fn lag_probes(&self) -> &LagProbes {
        &self.lag_probes
    }
}

/// Mailbox and address of an actor that has not started, so that actors that refer to each other can be created in
/// sequence.
pub(crate) struct ActorSlot<A: Actor<Context = Context<A>>> {
    address: Addr<A>,
    mailbox: AddressReceiver<A>,
}

impl<A> ActorSlot<A>
where
    A: Actor<Context = Context<A>> + Supervised,
{
    /// A slot whose mailbox has this capacity.
    pub(crate) fn new(mailbox_capacity: usize) -> Self {
        let (sender, mailbox) = channel(mailbox_capacity);
        Self {
            address: Addr::new(sender),
            mailbox,
        }
    }

    /// The address of the actor.
    pub(crate) fn address(&self) -> Addr<A> {
        self.address.clone()
    }

    /// Starts the actor on an arbiter. `name` is its name in the log and in the metric of mailbox lag.
    pub(crate) fn start(
        self,
        arbiter: &ArbiterHandle,
        name: &'static str,
        supervisor: &Supervisor,
        make: impl FnOnce() -> A + Send + 'static,
    ) -> Addr<A>
    where
        A: Handler<LagProbe>,
    {
        supervisor.lag_probes.add(name, &self.address);
        self.start_one_of_many(arbiter, name, supervisor, make)
    }

    /// Starts an actor without measuring its mailbox lag: there are many of its kind.
    pub(crate) fn start_one_of_many(
        self,
        arbiter: &ArbiterHandle,
        name: &'static str,
        supervisor: &Supervisor,
        make: impl FnOnce() -> A + Send + 'static,
    ) -> Addr<A> {
        let Self { address, mailbox } = self;
        let restarts = Arc::clone(&supervisor.restarts);
        let spawned = arbiter.spawn_fn(move || {
            let context = Context::with_receiver(mailbox);
            actix::spawn(Supervision {
                actor: Some(context.into_future(make())),
                arbiter: Handle::current(),
                name,
                restarts,
                last_panic: None,
                pause: None,
            });
        });
        if !spawned {
            error!(actor = name, "{name} was not started: its arbiter has stopped");
        }
        address
    }
}

struct Supervision<A: Actor<Context = Context<A>>> {
    /// `None` only while it is dropped.
    actor: Option<ContextFut<A, Context<A>>>,
    arbiter: Handle,
    name: &'static str,
    restarts: Arc<AtomicU64>,
    last_panic: Option<Instant>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<A: Actor<Context = Context<A>>> Drop for Supervision<A> {
    fn drop(&mut self) {
        // An arbiter that stops drops its tasks outside its runtime. A future of the actor may hold a pooled
        // connection, which spawns a task to return it.
        let _inside = self.arbiter.enter();
        self.actor = None;
    }
}

impl<A> Future for Supervision<A>
where
    A: Actor<Context = Context<A>> + Supervised,
    Context<A>: AsyncContextParts<A>,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        loop {
            if let Some(pause) = &mut self.pause {
                if pause.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.pause = None;
            }
            let Some(actor) = &mut self.actor else {
                return Poll::Ready(());
            };
            match catch_unwind(AssertUnwindSafe(|| Pin::new(actor).poll(cx))) {
                Ok(poll) => return poll,
                Err(panic) => {
                    error!(
                        actor = self.name,
                        "{} panicked and is restarted: {}",
                        self.name,
                        panic_text(&*panic)
                    );
                    self.restarts.fetch_add(1, Ordering::Relaxed);
                    if self
                        .last_panic
                        .replace(Instant::now())
                        .is_some_and(|last| last.elapsed() < RESTART_WINDOW)
                    {
                        self.pause = Some(Box::pin(tokio::time::sleep(RESTART_BACKOFF)));
                    }
                    let actor = &mut self.actor;
                    let restarted = catch_unwind(AssertUnwindSafe(|| actor.as_mut().is_some_and(ContextFut::restart)));
                    if !matches!(restarted, Ok(true)) {
                        error!(actor = self.name, "{} can't be restarted", self.name);
                        return Poll::Ready(());
                    }
                }
            }
        }
    }
}

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::Message;

    struct Counter {
        count: u32,
    }

    impl Actor for Counter {
        type Context = Context<Self>;
    }

    impl Supervised for Counter {
        fn restarting(&mut self, _: &mut Context<Self>) {
            self.count = 0;
        }
    }

    #[derive(Message)]
    #[rtype(result = "u32")]
    struct Count;

    impl Handler<Count> for Counter {
        type Result = u32;
        fn handle(&mut self, Count: Count, _: &mut Context<Self>) -> u32 {
            self.count += 1;
            self.count
        }
    }

    #[derive(Message)]
    #[rtype(result = "()")]
    struct Panic;

    impl Handler<Panic> for Counter {
        type Result = ();
        fn handle(&mut self, Panic: Panic, _: &mut Context<Self>) {
            panic!("on purpose");
        }
    }

    #[actix::test]
    async fn an_actor_that_panics_loses_its_state_and_keeps_its_address_and_mail() {
        let supervisor = Supervisor::default();
        let slot = ActorSlot::<Counter>::new(16);
        let counter = slot.start_one_of_many(&actix::Arbiter::current(), "counter", &supervisor, || Counter {
            count: 10,
        });
        assert_eq!(counter.send(Count).await, Ok(11));
        for round in 1..=3 {
            let (panicked, counted) = tokio::join!(counter.send(Panic), counter.send(Count));
            assert!(panicked.is_err(), "the sender receives an error");
            assert_eq!(counted, Ok(1), "the restarted actor handles the next message");
            assert_eq!(supervisor.restarts(), round);
        }
    }
}
