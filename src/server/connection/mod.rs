//! One HTTP/1 connection below the HTTP library: determines which bytes are passed on, and when.
//!
//! The library decodes a pipelined request while the previous response is in progress, and then sends that response
//! by the properties of the new request: its method and its `Connection` header. It sends `100 Continue` before the
//! request is authorized, treats `Upgrade: websocket` of any request as an endless body, and logs malformed requests
//! as errors. Therefore heads are parsed here first ([`head`]). A request is passed on after the response to the
//! previous one; none follows the last one. In place of a malformed or late head, a placeholder request is passed on
//! ([`REFUSED`]): its response keeps its position behind earlier ones and has the form of all other errors
//! (`refused_request.rs`).
//!
//! ```text
//!   Head ──a request──► Body ──its end──► Head
//!     │                  └──too slow──► Late: the response is 408
//!     ├──the last request, a refusal──► Closing: input is discarded
//!     └──an upgrade──► Tunnel: input is passed on unchanged
//! ```
//!
//! Slow clients can't hold a connection without limit: heads, bodies and the reception of responses have a timeout,
//! the latter two also a minimum rate ([`Pace`]); only streams and WebSockets supervise their clients themselves. The
//! number of connections is bounded, in total and per address ([`Places`]).

mod body;
mod head;
mod pace;
mod places;
mod refusal;
mod refused_request;
mod shared;
mod target;

pub(super) use self::places::{Place, PlaceLimits, Places, RESERVE};
pub(super) use self::refused_request::answer_refused;
pub(super) use self::shared::{Shared, mark_answered};

use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::time::{Sleep, sleep};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::debug;

use self::body::Body;
use self::head::{Head, Kind, Search};
use self::pace::Pace;
use self::refusal::{REFUSED, Refusal};
use self::shared::Arrival;

/// Timeout of a head: since the start of the connection for the first one, since its first byte for others.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// The timeout for a connection without a place.
const RESERVE_HEAD_TIME: Duration = Duration::from_secs(2);
/// Maximum size of a head.
const HEAD_BYTES_MAX: usize = 128 * 1024;
/// Maximum size of input that is read ahead of the current request.
const AHEAD_BYTES_MAX: usize = 64 * 1024;
/// Size of one read.
const READ_BYTES: usize = 8 * 1024;
/// Time for which a closed connection is still read, so that further input of the client does not make the system
/// discard the last response.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// Time for which the rest of a body is read after the response.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Position in the input of a connection.
enum At {
    /// The head of a request.
    Head,
    /// The become_idle of a request's body.
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
pub(super) struct Connection<T> {
    io: T,
    at: At,
    input: BytesMut,
    /// Progress of the search for the end of the current head.
    search: Search,
    /// Number of input bytes that may be passed on.
    passable: usize,
    is_at_end: bool,
    /// Deadline of the current head.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Empty lines have arrived in place of a head.
    has_empty_lines: bool,
    /// The deadline is that of an idle connection.
    is_idle_timed: bool,
    /// Maximum idle time.
    keep_alive: Duration,
    body_pace: Pace,
    answer_pace: Pace,
    shared: Rc<Shared>,
    /// The part of an interim response that is not written yet.
    interim: &'static [u8],
    linger: Option<Pin<Box<Sleep>>>,
    drain: Option<Pin<Box<Sleep>>>,
}

/// The interim response that a client awaits before it sends a body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// A connection that was just accepted.
    pub(super) fn new(io: T, place: Place, keep_alive: Duration) -> Self {
        let time = if place.was_reserve() {
            RESERVE_HEAD_TIME
        } else {
            HEAD_TIME
        };
        Self {
            io,
            at: At::Head,
            input: BytesMut::new(),
            search: Search::default(),
            passable: 0,
            is_at_end: false,
            deadline: Some(Box::pin(sleep(time))),
            has_empty_lines: false,
            is_idle_timed: false,
            keep_alive,
            body_pace: Pace::default(),
            answer_pace: Pace::default(),
            shared: Rc::new(Shared::new(place)),
            interim: b"",
            linger: None,
            drain: None,
        }
    }

    /// The state that the connection shares with the responses to its requests.
    pub(super) fn shared(&self) -> Rc<Shared> {
        Rc::clone(&self.shared)
    }

    /// Determines how much of the input may be passed on. Has no effect while some may be.
    fn advance(&mut self, cx: &mut Context<'_>) {
        while self.passable == 0 && !self.input.is_empty() {
            match &mut self.at {
                At::Tunnel => self.passable = self.input.len(),
                At::Closing | At::Broken | At::Late => {
                    self.input.clear();
                }
                At::Body(body) => {
                    let taken = body.take(&self.input);
                    self.passable = taken.bytes;
                    if matches!(taken.then, body::Then::End { .. }) {
                        self.shared.set_body(Arrival::Whole);
                    }
                    match taken.then {
                        body::Then::More => {}
                        body::Then::End { is_last: true } => self.at = At::Closing,
                        body::Then::End { is_last: false } => self.at = At::Head,
                        body::Then::Broken => {
                            debug!("malformed chunked body");
                            self.input.truncate(taken.bytes);
                            self.at = At::Broken;
                        }
                    }
                    if taken.bytes == 0 && matches!(self.at, At::Body(_)) {
                        return;
                    }
                }
                At::Head => {
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
        self.answer_pace.restart();
        let is_whole = match &kind {
            Kind::Body(body) => body.is_known_within(self.input.len().saturating_sub(bytes)),
            Kind::NoBody | Kind::Upgrade => true,
        };
        self.shared
            .set_body(if is_whole { Arrival::Whole } else { Arrival::Partial });
        self.shared.handed_on();
        self.passable = bytes;
        self.at = match kind {
            Kind::Upgrade => At::Tunnel,
            Kind::Body(body) => At::Body(body.before(is_last)),
            Kind::NoBody if is_last => At::Closing,
            Kind::NoBody => At::Head,
        };
    }

    /// Passes on a placeholder in place of the rejected request.
    fn refuse(&mut self, refusal: Refusal) {
        debug!("refused a request: {refusal}");
        self.deadline = None;
        self.shared.place().busy();
        self.shared.set_body(Arrival::Whole);
        self.answer_pace.restart();
        self.shared.refuse(refusal);
        self.shared.handed_on();
        self.input.clear();
        self.input.extend_from_slice(REFUSED);
        self.passable = self.input.len();
        self.at = At::Closing;
    }

    /// Checks the deadline of the head.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.at, At::Head) || self.passable > 0 {
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

    /// Reads from the socket. Returns whether there is new input, including the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.input.reserve(READ_BYTES);
        let read = ready!(tokio_util::io::poll_read_buf(
            Pin::new(&mut self.io),
            cx,
            &mut self.input
        ))?;
        if read == 0 {
            self.is_at_end = true;
        }
        self.body_pace.moved(read);
        if matches!(self.at, At::Closing | At::Broken | At::Late) && self.passable == 0 {
            self.input.clear();
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the rest of an interim response.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        while !self.interim.is_empty() {
            let interim = self.interim;
            let written = ready!(self.poll_write_in_time(cx, interim))?;
            self.interim = self.interim.get(written..).unwrap_or_default();
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes, and fails if the client reads a response too slowly. Streams detect that themselves.
    fn poll_write_in_time(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = written {
            self.answer_pace.moved(written);
            return Poll::Ready(Ok(written));
        }
        if written.is_ready() || self.shared.is_stream() {
            return written;
        }
        let is_ended_for_another = self.shared.place().was_reserve() && self.shared.place().is_evicted(cx);
        if is_ended_for_another || self.answer_pace.poll_wait(cx).is_ready() {
            debug!("client reads the response too slowly");
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    /// Checks the timeout of a body. Returns whether it has elapsed; a pending response comes first.
    fn poll_body_time(&mut self, cx: &mut Context<'_>) -> bool {
        let is_late = matches!(self.at, At::Body(_)) && self.body_pace.poll_wait(cx).is_ready();
        if is_late {
            debug!("request body timed out");
            self.at = At::Late;
            self.shared.set_body(Arrival::Late);
        }
        is_late
    }

    /// Gives up the rest of a body after the response, however fast it arrives: it is only discarded.
    fn is_drained_too_long(&mut self, cx: &mut Context<'_>) -> bool {
        if !matches!(self.at, At::Body(_)) || !self.shared.is_answered() {
            return false;
        }
        let drain = self.drain.get_or_insert_with(|| Box::pin(sleep(DRAIN_TIME)));
        let is_over = drain.as_mut().poll(cx).is_ready();
        if is_over {
            debug!("gave up the rest of a body after the response");
            self.at = At::Late;
            self.shared.set_body(Arrival::Late);
        }
        is_over
    }

    /// All passed requests have their responses written: the connection is idle.
    fn become_idle(&mut self) {
        if matches!(self.at, At::Head) && self.passable == 0 && self.shared.is_idle() {
            self.shared.place().idle();
            self.shared.not_counted_for_client();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Connection<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        loop {
            this.advance(cx);
            this.poll_deadline(cx);
            if this.passable > 0 {
                let bytes = this.passable.min(to.remaining());
                to.put_slice(this.input.get(..bytes).unwrap_or_default());
                this.input.advance(bytes);
                this.passable -= bytes;
                return Poll::Ready(Ok(()));
            }
            if matches!(this.at, At::Tunnel) {
                return Pin::new(&mut this.io).poll_read(cx, to);
            }
            if matches!(this.at, At::Broken) || matches!(this.at, At::Late) && this.shared.is_next_due(cx) {
                return Poll::Ready(Ok(()));
            }
            if matches!(this.at, At::Head) && this.shared.is_next_due(cx) && this.shared.place().is_evicted(cx) {
                debug!("closed an idle connection in favor of a new one");
                return Poll::Ready(Ok(()));
            }
            if this.is_at_end {
                // Requests that have arrived already are passed on first.
                if this.input.is_empty() || this.shared.is_next_due(cx) {
                    return Poll::Ready(Ok(()));
                }
                return Poll::Pending;
            }
            if this.input.len() >= AHEAD_BYTES_MAX && !this.shared.is_next_due(cx) {
                return Poll::Pending;
            }
            if this.is_drained_too_long(cx) {
                continue;
            }
            if this.poll_fill(cx)?.is_pending() && !this.poll_body_time(cx) {
                return Poll::Pending;
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let this = self.get_mut();
        // An interim response follows the responses that are being written: see `poll_flush`.
        ready!(this.poll_interim(cx))?;
        this.poll_write_in_time(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        if this.interim.is_empty() && this.shared.take_continue() {
            this.interim = CONTINUE;
        }
        ready!(this.poll_interim(cx))?;
        ready!(Pin::new(&mut this.io).poll_flush(cx))?;
        this.become_idle();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
            if matches!(this.at, At::Head) && this.input.is_empty() {
                // Nothing was in progress.
                return Poll::Ready(Ok(()));
            }
            this.linger = Some(Box::pin(sleep(LINGER_TIME)));
        }
        this.at = At::Closing;
        this.passable = 0;
        if this.shared.place().is_evicted(cx) {
            return Poll::Ready(Ok(()));
        }
        while !this.is_at_end {
            this.input.clear();
            match this.poll_fill(cx) {
                Poll::Ready(Ok(())) => {}
                // The client has closed the connection.
                Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    let linger = this.linger.as_mut().map(|linger| linger.as_mut().poll(cx));
                    return if linger.is_none_or(|over| over.is_ready()) {
                        Poll::Ready(Ok(()))
                    } else {
                        Poll::Pending
                    };
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
