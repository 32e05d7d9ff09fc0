//! How actors send what must not be lost.

use actix::prelude::SendError;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use tracing::warn;

/// Sends a message. When the mailbox is full it waits for room, beside the sender's other work.
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
            let waiting = async move {
                if to.send(message).await.is_err() {
                    warn!("a message was lost: its receiver has stopped");
                }
            };
            ctx.spawn(actix::fut::wrap_future::<_, S>(waiting));
        }
        Err(SendError::Closed(_)) => warn!("a message was lost: its receiver has stopped"),
    }
}
