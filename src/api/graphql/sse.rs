//! Answers as server-sent events: the protocol of graphql-sse, in its mode of distinct connections. One operation is one
//! answer that lasts: `next` for each of its results, `complete` behind the last.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::rt::time::{Interval, interval};
use bytes::Bytes;
use futures_util::stream::{self, LocalBoxStream, StreamExt};

use super::accept::Form;
use super::answer::Answer;
use super::engine::Failed;
use super::errors;
use crate::api::auth::{RECHECK_INTERVAL, Standing};
use crate::api::realtime::Realtime;
use crate::api::realtime::connections::Permit;
use crate::api::rest::problem::{Problem, ProblemKind};

/// Nothing but a sign of life. A client that has gone is found out by it at the latest.
const SIGN_OF_LIFE: Bytes = Bytes::from_static(b":\n\n");
/// The operation has ended.
const COMPLETE: Bytes = Bytes::from_static(b"event: complete\ndata:\n\n");

/// An operation that is being carried out.
struct Running {
    /// Its results; `None` when it has ended.
    answers: Option<LocalBoxStream<'static, Result<Answer, Failed>>>,
    sign_of_life: Interval,
    recheck: Interval,
    standing: Standing,
    _permit: Permit,
}

impl Running {
    async fn next(mut self) -> Option<(Result<Bytes, actix_web::Error>, Self)> {
        let answers = self.answers.as_mut()?;
        let bytes = loop {
            break tokio::select! {
                biased;
                _ = self.recheck.tick() => match self.standing.check() {
                    Ok(()) => continue,
                    Err(why) => {
                        self.answers = None;
                        last_words(why)
                    }
                },
                answer = answers.next() => match answer {
                    Some(Ok(answer)) => event(&answer),
                    // The stream ends behind it.
                    Some(Err(failed)) => event(&errors::of_problem(&failed.problem()).into()),
                    None => {
                        self.answers = None;
                        COMPLETE
                    }
                },
                _ = self.sign_of_life.tick() => SIGN_OF_LIFE,
            };
        };
        Some((Ok(bytes), self))
    }
}

/// The end of an operation whose caller is not let in any more.
fn last_words(why: String) -> Bytes {
    let problem = Problem::new(ProblemKind::Unauthenticated, why);
    let refused = event(&errors::of_problem(&problem).into());
    Bytes::from([refused, COMPLETE].concat())
}

/// The answer that tells what comes of an operation until it has ended, the client has gone or the server goes down.
pub(super) fn answer(
    realtime: &Realtime,
    answers: LocalBoxStream<'static, Result<Answer, Failed>>,
    standing: Standing,
    permit: Permit,
) -> HttpResponse {
    let running = Running {
        answers: Some(answers),
        // The first sign is given at once: the client sees that the stream is open.
        sign_of_life: interval(realtime.options().ping_interval),
        recheck: interval(RECHECK_INTERVAL),
        standing,
        _permit: permit,
    };
    let events = stream::unfold(running, Running::next).take_until(realtime.shutdown().begun());
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, Form::EventStream.content_type()))
        .insert_header((CACHE_CONTROL, "no-cache, no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(events))
}

fn event(answer: &Answer) -> Bytes {
    let json = answer.to_json();
    let mut event = Vec::with_capacity(json.len() + 22);
    event.extend_from_slice(b"event: next\ndata: ");
    event.extend_from_slice(&json);
    event.extend_from_slice(b"\n\n");
    Bytes::from(event)
}
