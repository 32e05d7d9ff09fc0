//! Input and output of a connection, as the HTTP library reads and writes it.

use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::time::sleep;
use bytes::Buf;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::debug;

use super::state::{Connection, Position};

/// Maximum size of input that is read ahead of the current request.
const AHEAD_BYTES_MAX: usize = 64 * 1024;
/// Size of one read.
const READ_BYTES: usize = 8 * 1024;
/// Time for which a closed connection is still read, so that further input of the client does not make the system
/// discard the last response.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// The interim response that a client awaits before it sends a body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
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
        if matches!(self.at, Position::Closing | Position::Broken | Position::Late) && self.passable == 0 {
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
            self.response_pace.moved(written);
            return Poll::Ready(Ok(written));
        }
        if written.is_ready() || self.shared.is_stream() {
            return written;
        }
        let is_ended_for_another = self.shared.place().was_reserve() && self.shared.place().is_evicted(cx);
        if is_ended_for_another || self.response_pace.poll_wait(cx).is_ready() {
            debug!("client reads the response too slowly");
            return Poll::Ready(Err(ErrorKind::TimedOut.into()));
        }
        Poll::Pending
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
            if matches!(this.at, Position::Tunnel) {
                return Pin::new(&mut this.io).poll_read(cx, to);
            }
            if matches!(this.at, Position::Broken) || matches!(this.at, Position::Late) && this.shared.is_next_due(cx) {
                return Poll::Ready(Ok(()));
            }
            if matches!(this.at, Position::Head) && this.shared.is_next_due(cx) && this.shared.place().is_evicted(cx) {
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
            if this.is_drain_over(cx) {
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
            if matches!(this.at, Position::Head) && this.input.is_empty() {
                // Nothing was in progress.
                return Poll::Ready(Ok(()));
            }
            this.linger = Some(Box::pin(sleep(LINGER_TIME)));
        }
        this.at = Position::Closing;
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
