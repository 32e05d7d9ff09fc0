//! Reliable delivery of messages between actors.

use actix::prelude::SendError;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Recipient};
use tracing::warn;

/// Sends a message to an actor. If its mailbox is full, a task of the sender waits until there is capacity.
pub(crate) fn deliver<S, A, M>(to: &Addr<A>, message: M, ctx: &mut Context<S>)
where
    S: Actor<Context = Context<S>>,
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message<Result = ()> + Send + 'static,
{
    match to.try_send(message) {
        Ok(()) => {}
        Err(SendError::Full(message)) => {
            let to = to.clone();
            retry(async move { to.send(message).await.is_ok() }, ctx);
        }
        Err(SendError::Closed(_)) => log_dropped(),
    }
}

/// [`deliver`] for a sender that does not know the type of the receiver.
pub(crate) fn deliver_to<S, M>(to: &Recipient<M>, message: M, ctx: &mut Context<S>)
where
    S: Actor<Context = Context<S>>,
    M: Message<Result = ()> + Send + 'static,
{
    match to.try_send(message) {
        Ok(()) => {}
        Err(SendError::Full(message)) => {
            let to = to.clone();
            retry(async move { to.send(message).await.is_ok() }, ctx);
        }
        Err(SendError::Closed(_)) => log_dropped(),
    }
}

fn retry<S>(sending: impl Future<Output = bool> + 'static, ctx: &mut Context<S>)
where
    S: Actor<Context = Context<S>>,
{
    let waiting = async move {
        if !sending.await {
            log_dropped();
        }
    };
    ctx.spawn(actix::fut::wrap_future::<_, S>(waiting));
}

fn log_dropped() {
    warn!("dropped message: receiver stopped");
}
