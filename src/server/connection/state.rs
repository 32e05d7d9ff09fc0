//! The state of one connection: which input may be passed on, and which timeouts apply.

use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;

use actix_web::rt::time::{Sleep, sleep};
use bytes::{Buf, BytesMut};
use tracing::debug;

use super::body::{Body, Then};
use super::head::{self, Head, Kind, Search};
use super::pace::Pace;
use super::places::Place;
use super::refusal::{REFUSED, Refusal};
use super::shared::{Arrival, Shared};

/// Timeout of a head: since the start of the connection for the first one, since its first byte for others.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// The timeout for a connection without a place.
const RESERVE_HEAD_TIME: Duration = Duration::from_secs(2);
/// Maximum size of a head.
const HEAD_BYTES_MAX: usize = 128 * 1024;
/// Time for which the rest of a body is read after the response.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Position in the input of a connection.
pub(super) enum Position {
    /// The head of a request.
    Head,
    /// The rest of a request's body.
    Body(Body),
    /// Another protocol.
    Tunnel,
    /// No further input is passed on.
    Closing,
    /// A malformed body: the library sees a closed connection.
    Broken,
    /// A body that arrived too slowly: like a malformed one, after the response to its request.
    Late,
}

/// A connection.
pub(crate) struct Connection<T> {
    pub(super) io: T,
    pub(super) at: Position,
    pub(super) input: BytesMut,
    /// Progress of the search for the end of the current head.
    search: Search,
    /// Number of input bytes that may be passed on.
    pub(super) passable: usize,
    pub(super) is_at_end: bool,
    /// Deadline of the current head.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Empty lines have arrived in place of a head.
    has_empty_lines: bool,
    /// The deadline is that of an idle connection.
    is_idle_timed: bool,
    /// Maximum idle time.
    keep_alive: Duration,
    pub(super) body_pace: Pace,
    pub(super) response_pace: Pace,
    pub(super) shared: Rc<Shared>,
    /// The part of an interim response that is not written yet.
    pub(super) interim: &'static [u8],
    pub(super) linger: Option<Pin<Box<Sleep>>>,
    drain: Option<Pin<Box<Sleep>>>,
}

impl<T> Connection<T> {
    /// A connection that was just accepted.
    pub(crate) fn new(io: T, place: Place, keep_alive: Duration) -> Self {
        let time = if place.was_reserve() {
            RESERVE_HEAD_TIME
        } else {
            HEAD_TIME
        };
        Self {
            io,
            at: Position::Head,
            input: BytesMut::new(),
            search: Search::default(),
            passable: 0,
            is_at_end: false,
            deadline: Some(Box::pin(sleep(time))),
            has_empty_lines: false,
            is_idle_timed: false,
            keep_alive,
            body_pace: Pace::default(),
            response_pace: Pace::default(),
            shared: Rc::new(Shared::new(place)),
            interim: b"",
            linger: None,
            drain: None,
        }
    }

    /// The state that the connection shares with the responses to its requests.
    pub(crate) fn shared(&self) -> Rc<Shared> {
        Rc::clone(&self.shared)
    }

    /// Determines how much of the input may be passed on. Has no effect while some may be.
    pub(super) fn advance(&mut self, cx: &mut Context<'_>) {
        while self.passable == 0 && !self.input.is_empty() {
            match &mut self.at {
                Position::Tunnel => self.passable = self.input.len(),
                Position::Closing | Position::Broken | Position::Late => {
                    self.input.clear();
                }
                Position::Body(body) => {
                    let taken = body.take(&self.input);
                    self.passable = taken.bytes;
                    if matches!(taken.then, Then::End { .. }) {
                        self.shared.set_body(Arrival::Whole);
                    }
                    match taken.then {
                        Then::More => {}
                        Then::End { is_last: true } => self.at = Position::Closing,
                        Then::End { is_last: false } => self.at = Position::Head,
                        Then::Broken => {
                            debug!("malformed chunked body");
                            self.input.truncate(taken.bytes);
                            self.at = Position::Broken;
                        }
                    }
                    if taken.bytes == 0 && matches!(self.at, Position::Body(_)) {
                        return;
                    }
                }
                Position::Head => {
                    // Empty lines before a request are skipped (RFC 9112, section 2.2).
                    while self.input.starts_with(b"\r\n") {
                        self.input.advance(2);
                        self.has_empty_lines = true;
                        self.search = Search::default();
                    }
                    if self.input.is_empty() || !self.shared.is_next_due(cx) {
                        return;
                    }
                    let read = if self.search.is_worth_reading(&self.input) {
                        head::read(&mut self.input)
                    } else {
                        Ok(None)
                    };
                    match read {
                        Ok(Some(head)) if head.bytes > HEAD_BYTES_MAX => self.refuse(Refusal::TooLarge),
                        Ok(Some(head)) if self.may_begin(&head) => self.begin(cx, head),
                        Ok(Some(_)) => {
                            self.shared.place().refused();
                            self.refuse(Refusal::Full);
                        }
                        Ok(None) if self.input.len() > HEAD_BYTES_MAX => self.refuse(Refusal::TooLarge),
                        Ok(None) => return,
                        Err(refusal) => self.refuse(refusal),
                    }
                }
            }
        }
    }

    /// `true` if this request has a place: in the reserve, only health checks have one.
    fn may_begin(&self, head: &Head) -> bool {
        let place = self.shared.place();
        if !place.was_reserve() || !place.is_reserve() {
            return true;
        }
        let path = self.input.get(..head.bytes).and_then(head::path);
        matches!(head.kind, Kind::NoBody) && path.is_some_and(|path| place.is_health(path))
    }

    fn begin(&mut self, cx: &Context<'_>, head: Head) {
        let Head { bytes, kind, is_last } = head;
        let place = self.shared.place();
        place.busy();
        // Another connection may have its place by now.
        let is_last = is_last || place.was_reserve() || place.is_evicted(cx);
        if is_last && kind != Kind::Upgrade {
            self.shared.set_last();
        }
        self.search = Search::default();
        self.deadline = None;
        self.has_empty_lines = false;
        self.is_idle_timed = false;
        self.drain = None;
        self.body_pace.restart();
        self.response_pace.restart();
        let is_whole = match &kind {
            Kind::Body(body) => body.is_known_within(self.input.len().saturating_sub(bytes)),
            Kind::NoBody | Kind::Upgrade => true,
        };
        self.shared
            .set_body(if is_whole { Arrival::Whole } else { Arrival::Partial });
        self.shared.passed_on();
        self.passable = bytes;
        self.at = match kind {
            Kind::Upgrade => Position::Tunnel,
            Kind::Body(body) => Position::Body(body.before(is_last)),
            Kind::NoBody if is_last => Position::Closing,
            Kind::NoBody => Position::Head,
        };
    }

    /// Forwards a placeholder in place of the rejected request.
    fn refuse(&mut self, refusal: Refusal) {
        debug!("refused a request: {refusal}");
        self.deadline = None;
        self.shared.place().busy();
        self.shared.set_body(Arrival::Whole);
        self.response_pace.restart();
        self.shared.refuse(refusal);
        self.shared.passed_on();
        self.input.clear();
        self.input.extend_from_slice(REFUSED);
        self.passable = self.input.len();
        self.at = Position::Closing;
    }

    /// Checks the deadline of the head.
    pub(super) fn poll_deadline(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.at, Position::Head) || self.passable > 0 {
            return;
        }
        if !self.input.is_empty() && (self.deadline.is_none() || self.is_idle_timed) {
            self.deadline = Some(Box::pin(sleep(HEAD_TIME)));
            self.is_idle_timed = false;
        } else if self.deadline.is_none() && self.has_empty_lines {
            // The library restarts its idle timeout with each.
            self.deadline = Some(Box::pin(sleep(self.keep_alive)));
            self.is_idle_timed = true;
        }
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            if self.input.is_empty() && !self.is_idle_timed {
                // A client that has sent nothing expects no response, such as a browser that connects ahead of need.
                self.is_at_end = true;
            } else if self.shared.is_next_due(cx) {
                self.refuse(Refusal::TooSlow);
            } else {
                // A complete request may be queued: its time has not started.
                self.deadline = None;
            }
        }
    }

    /// Checks the timeout of a body. Returns whether it has elapsed; a pending response comes first.
    pub(super) fn poll_body_time(&mut self, cx: &mut Context<'_>) -> bool {
        let is_late = matches!(self.at, Position::Body(_)) && self.body_pace.poll_wait(cx).is_ready();
        if is_late {
            debug!("request body timed out");
            self.at = Position::Late;
            self.shared.set_body(Arrival::Late);
        }
        is_late
    }

    /// Gives up the rest of a body after the response, however fast it arrives: it is only discarded.
    pub(super) fn is_drain_over(&mut self, cx: &mut Context<'_>) -> bool {
        if !matches!(self.at, Position::Body(_)) || !self.shared.has_responded() {
            return false;
        }
        let drain = self.drain.get_or_insert_with(|| Box::pin(sleep(DRAIN_TIME)));
        let is_over = drain.as_mut().poll(cx).is_ready();
        if is_over {
            debug!("gave up the rest of a body after the response");
            self.at = Position::Late;
            self.shared.set_body(Arrival::Late);
        }
        is_over
    }

    /// All passed requests have their responses written: the connection is idle.
    pub(super) fn become_idle(&mut self) {
        if matches!(self.at, Position::Head) && self.passable == 0 && self.shared.is_idle() {
            self.shared.place().idle();
            self.shared.uncount_for_client();
        }
    }
}
