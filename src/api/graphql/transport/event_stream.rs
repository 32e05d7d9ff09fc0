//! Streamed responses over HTTP, one operation per response, with one part per result:
//!
//! - server-sent events: the protocol of graphql-sse, in its mode of distinct connections;
//! - `multipart/mixed`: the protocol of Apollo's clients for subscriptions.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::rt::time::{Interval, interval};
use bytes::Bytes;
use futures_util::stream::{self, LocalBoxStream, StreamExt};

use super::content_negotiation::Form;
use super::response::EncodedResponse;
use crate::api::auth::{LiveCredentials, RECHECK_INTERVAL};
use crate::api::graphql::errors;
use crate::api::graphql::execution::executor::ExecutionError;
use crate::api::memory::{FiniteStream, MemoryBudget, SendWindow, paced};
use crate::api::problem::{Problem, ProblemKind};
use crate::api::realtime::Realtime;
use crate::api::realtime::connections::Permit;

/// The framing of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// `next` for each result, `complete` after the last.
    Events,
    /// A part of JSON for each result, followed by its boundary: clients read a part when its boundary arrives.
    Multipart,
}

impl Framing {
    const fn form(self) -> Form {
        match self {
            Self::Events => Form::EventStream,
            Self::Multipart => Form::Multipart,
        }
    }

    /// Text before the first part.
    const fn preamble(self) -> Bytes {
        match self {
            Self::Events => Bytes::new(),
            Self::Multipart => Bytes::from_static(b"\r\n--graphql"),
        }
    }

    /// A keep-alive. It detects disconnected clients.
    const fn keep_alive(self) -> Bytes {
        match self {
            Self::Events => Bytes::from_static(b":\n\n"),
            Self::Multipart => Bytes::from_static(b"\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql"),
        }
    }

    /// The end of the operation.
    const fn end(self) -> Bytes {
        match self {
            Self::Events => Bytes::from_static(b"event: complete\ndata:\n\n"),
            Self::Multipart => Bytes::from_static(b"--\r\n"),
        }
    }

    /// A result.
    fn result(self, response: &EncodedResponse) -> Bytes {
        match self {
            Self::Events => event(response.json()),
            Self::Multipart => part(&[b"{\"payload\":", &**response.json(), b"}"].concat()),
        }
    }

    /// The operation failed while it was executed.
    fn failure(self, response: &EncodedResponse) -> Bytes {
        match self {
            Self::Events => self.result(response),
            Self::Multipart => {
                let json = response.json();
                // A response without data is `{"errors":[…]}`.
                let errors = json.strip_prefix(b"{").unwrap_or(json);
                part(&[b"{\"payload\":null,", errors].concat())
            }
        }
    }
}

impl Framing {
    /// The end of an operation whose credentials are no longer valid.
    fn unauthenticated(self, why: String) -> Bytes {
        let problem = Problem::new(ProblemKind::Unauthenticated, why);
        let failure = self.failure(&errors::of_problem(&problem).into());
        Bytes::from([failure, self.end()].concat())
    }
}

fn event(json: &[u8]) -> Bytes {
    let mut event = Vec::with_capacity(json.len() + 22);
    event.extend_from_slice(b"event: next\n");
    // Stored JSON may contain line breaks; the format has one kind of them.
    for line in json.split(|byte| *byte == b'\n') {
        event.extend_from_slice(b"data: ");
        event.extend(line.iter().filter(|byte| **byte != b'\r'));
        event.push(b'\n');
    }
    event.push(b'\n');
    Bytes::from(event)
}

fn part(json: &[u8]) -> Bytes {
    let part: [&[u8]; 3] = [b"\r\ncontent-type: application/json\r\n\r\n", json, b"\r\n--graphql"];
    Bytes::from(part.concat())
}

/// A running operation.
struct Running {
    /// Its results; `None` after its end.
    responses: Option<LocalBoxStream<'static, Result<EncodedResponse, ExecutionError>>>,
    framing: Framing,
    keep_alive: Interval,
    recheck: Interval,
    live_credentials: LiveCredentials,
    _permit: Permit,
}

impl Running {
    async fn next(mut self) -> Option<(Result<Bytes, actix_web::Error>, Self)> {
        let responses = self.responses.as_mut()?;
        let bytes = loop {
            break tokio::select! {
                biased;
                _ = self.recheck.tick() => match self.live_credentials.check() {
                    Ok(()) => continue,
                    Err(why) => {
                        self.responses = None;
                        self.framing.unauthenticated(why)
                    }
                },
                response = responses.next() => match response {
                    Some(Ok(response)) => self.framing.result(&response),
                    // The stream ends after it.
                    Some(Err(failed)) => self.framing.failure(&errors::of_problem(&failed.problem()).into()),
                    None => {
                        self.responses = None;
                        self.framing.end()
                    }
                },
                _ = self.keep_alive.tick() => self.framing.keep_alive(),
            };
        };
        Some((Ok(bytes), self))
    }
}

/// The response that streams the results of an operation until it ends, the client disconnects or the server shuts
/// down.
pub(crate) fn respond(
    realtime: &Realtime,
    memory: &MemoryBudget,
    framing: Framing,
    responses: LocalBoxStream<'static, Result<EncodedResponse, ExecutionError>>,
    live_credentials: LiveCredentials,
    permit: Permit,
    is_subscription: bool,
) -> HttpResponse {
    let running = Running {
        responses: Some(responses),
        framing,
        // The first keep-alive is sent immediately and shows that the stream is open.
        keep_alive: interval(realtime.options().ping_interval),
        recheck: interval(RECHECK_INTERVAL),
        live_credentials,
        _permit: permit,
    };
    let preamble = Some(framing.preamble()).filter(|bytes| !bytes.is_empty()).map(Ok);
    let parts = stream::iter(preamble).chain(stream::unfold(running, Running::next));
    let parts = parts.take_until(realtime.shutdown().started());
    let mut response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, framing.form().content_type()))
        .insert_header((CACHE_CONTROL, "no-cache, no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(parts));
    if !is_subscription {
        response.extensions_mut().insert(FiniteStream);
    }
    paced(response, memory, SendWindow::default())
}
