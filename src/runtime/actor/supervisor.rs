//! Keeps actors alive: an actor that panics is counted, restarted and goes on with the mail that it has.
//!
//! actix's own `Supervisor` catches no panic: the actor's task dies and its mailbox closes. Here the actor's context
//! future is polled under `catch_unwind`. After a panic the context is restarted: its spawned futures are dropped, its
//! mailbox and addresses stay, [`actix::Supervised::restarting`] puts the actor back to its first state, and `started`
//! runs again, which is where an actor reads from storage what it must know. Only the message that was being handled is
//! lost; whoever waits for its answer is told at once, because the answer's sender is dropped.

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

use super::mailbox_lag::{Pulse, Pulses};

/// A second panic within this time of the last one is followed by a pause, so that an actor that can't start does not
/// take a whole core.
const CALM: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(100);

/// What is known of the actors that are kept alive.
#[derive(Clone, Debug, Default)]
pub struct Supervisor {
    restarts: Arc<AtomicU64>,
    pulses: Pulses,
}

impl Supervisor {
    /// How often actors had to be restarted since the process started.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// How long messages wait for them.
    pub const fn pulses(&self) -> &Pulses {
        &self.pulses
    }
}

/// An actor's address before the actor is there: what lets actors that know each other be made one after the other.
pub struct Seat<A: Actor<Context = Context<A>>> {
    address: Addr<A>,
    mailbox: AddressReceiver<A>,
}

impl<A> Seat<A>
where
    A: Actor<Context = Context<A>> + Supervised,
{
    /// A seat whose mailbox holds this many messages.
    pub fn new(mailbox_capacity: usize) -> Self {
        let (sender, mailbox) = channel(mailbox_capacity);
        Self {
            address: Addr::new(sender),
            mailbox,
        }
    }

    /// Where the actor will be.
    pub fn address(&self) -> Addr<A> {
        self.address.clone()
    }

    /// Starts the actor on an arbiter. `name` is for the log, and for whoever feels its pulse.
    pub fn start(
        self,
        arbiter: &ArbiterHandle,
        name: &'static str,
        supervisor: &Supervisor,
        make: impl FnOnce() -> A + Send + 'static,
    ) -> Addr<A>
    where
        A: Handler<Pulse>,
    {
        supervisor.pulses.add(name, &self.address);
        self.start_one_of_many(arbiter, name, supervisor, make)
    }

    /// Starts an actor of which there are so many that nobody feels their pulse.
    pub fn start_one_of_many(
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
    /// Only taken when this is dropped.
    actor: Option<ContextFut<A, Context<A>>>,
    arbiter: Handle,
    name: &'static str,
    restarts: Arc<AtomicU64>,
    last_panic: Option<Instant>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<A: Actor<Context = Context<A>>> Drop for Supervision<A> {
    fn drop(&mut self) {
        // An arbiter that stops drops its tasks outside of its runtime. What the actor was waiting for may hold a connection
        // of a pool, which spawns a task to give it back.
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
                        .is_some_and(|last| last.elapsed() < CALM)
                    {
                        self.pause = Some(Box::pin(tokio::time::sleep(PAUSE)));
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

/// What a panic said.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
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
        let seat = Seat::<Counter>::new(16);
        let counter = seat.start_one_of_many(&actix::Arbiter::current(), "counter", &supervisor, || Counter {
            count: 10,
        });
        assert_eq!(counter.send(Count).await, Ok(11));
        for round in 1..=3 {
            let (panicked, counted) = tokio::join!(counter.send(Panic), counter.send(Count));
            assert!(panicked.is_err(), "who waits for the answer is told");
            assert_eq!(counted, Ok(1), "the mail behind it is handled by the restarted actor");
            assert_eq!(supervisor.restarts(), round);
        }
    }
}
