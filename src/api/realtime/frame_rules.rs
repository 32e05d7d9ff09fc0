//! Checks the frames of a WebSocket client against RFC 6455 before the codec.
//!
//! The codec reports several violations as one, and compares a frame with its limit only when the complete frame has
//! arrived: it would buffer the frame of a client that declares any length. Here each header is checked when it arrives
//! (section 5.2), as is the UTF-8 of texts and of close reasons, across frames (section 8.1). The stream ends at the
//! first violation, which the connection reads to close with the right code.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::error::PayloadError;
use actix_web_actors::ws::CloseCode;
use bytes::{Bytes, BytesMut};
use futures_util::Stream;

use super::utf8::Utf8;

/// Maximum payload of a control frame, in bytes.
const CONTROL_BYTES_MAX: u64 = 125;

/// Violation of the protocol by a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A frame that the protocol does not allow.
    Protocol(&'static str),
    /// A text or a close reason that is not UTF-8.
    Utf8,
    /// A frame that exceeds the limit.
    TooLarge,
}

impl Violation {
    /// The code of the close frame for it.
    pub(crate) const fn code(self) -> CloseCode {
        match self {
            Self::Protocol(_) => CloseCode::Protocol,
            Self::Utf8 => CloseCode::Invalid,
            Self::TooLarge => CloseCode::Size,
        }
    }

    /// The reason of the close frame for it; `bytes_max` is the limit of a frame.
    pub(crate) fn reason(self, bytes_max: usize) -> String {
        match self {
            Self::Protocol(what) => what.to_owned(),
            Self::Utf8 => "a text is not UTF-8".to_owned(),
            Self::TooLarge => format!("message size limit ({bytes_max} bytes) exceeded"),
        }
    }
}

/// Cell from which the connection reads the violation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Violated(Rc<Cell<Option<Violation>>>);

impl Violated {
    /// The violation that has ended the stream of frames, if any.
    pub(crate) fn get(&self) -> Option<Violation> {
        self.0.get()
    }
}

/// A stream of frames that follow the rules.
pub(crate) struct FrameRules<S> {
    stream: S,
    bytes_max: usize,
    violated: Violated,
    at: At,
    /// The incomplete message.
    incomplete: Option<Kind>,
    /// The incomplete text.
    text: Utf8,
}

/// Position in the stream of frames.
enum At {
    /// In a header, with its bytes so far.
    Header(BytesMut),
    /// In a frame's payload.
    Payload { frame: Frame, left: u64, mask: Mask },
    /// After a close frame or a violation.
    End,
}

/// Content of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
}

/// Part of a frame's payload to check.
enum Frame {
    /// Part of a text.
    Text { is_last: bool },
    /// Not checked.
    Opaque,
    /// A close frame, with its bytes so far.
    Close(Vec<u8>),
}

struct Mask {
    key: [u8; 4],
    at: usize,
}

impl Mask {
    fn unmask(&mut self, part: &[u8]) -> Vec<u8> {
        let unmasked = part.iter().zip(self.key.iter().cycle().skip(self.at % 4));
        let unmasked = unmasked.map(|(byte, key)| byte ^ key).collect();
        self.at += part.len();
        unmasked
    }
}

impl<S> FrameRules<S> {
    /// The frames of a client, with at most `bytes_max` bytes each. A violation is stored in `violated`.
    pub(crate) fn new(stream: S, bytes_max: usize, violated: Violated) -> Self {
        Self {
            stream,
            bytes_max,
            violated,
            at: At::Header(BytesMut::new()),
            incomplete: None,
            text: Utf8::default(),
        }
    }

    /// The bytes of a chunk for the codec. A header is held back until it is complete. Clients send few and small
    /// frames, so that the copy is cheap.
    fn pass(&mut self, mut chunk: &[u8]) -> Bytes {
        let mut passed = BytesMut::with_capacity(chunk.len());
        while !chunk.is_empty() {
            let (rest, checked) = match std::mem::replace(&mut self.at, At::End) {
                At::Header(header) => self.header(header, chunk, &mut passed),
                At::Payload { frame, left, mask } => self.payload(frame, left, mask, chunk, &mut passed),
                At::End => break,
            };
            chunk = rest;
            match checked {
                Ok(at) => self.at = at,
                Err(violation) => {
                    self.violated.0.set(Some(violation));
                    break;
                }
            }
        }
        passed.freeze()
    }

    fn header<'a>(
        &mut self,
        mut header: BytesMut,
        chunk: &'a [u8],
        passed: &mut BytesMut,
    ) -> (&'a [u8], Result<At, Violation>) {
        let mut rest = chunk;
        while let Some((first, after)) = rest.split_first() {
            header.extend_from_slice(&[*first]);
            rest = after;
            match self.begin(&header) {
                Ok(None) => {}
                Ok(Some(at)) => {
                    passed.extend_from_slice(&header);
                    return (rest, Ok(at));
                }
                Err(violation) => return (rest, Err(violation)),
            }
        }
        (rest, Ok(At::Header(header)))
    }

    /// The position after a header, if it is complete, including its mask.
    fn begin(&mut self, header: &[u8]) -> Result<Option<At>, Violation> {
        let [first, second, extended @ ..] = header else {
            return Ok(None);
        };
        let (is_final, opcode) = (first & 0x80 != 0, first & 0x0f);
        let is_control = opcode & 0x08 != 0;
        if first & 0x70 != 0 {
            return Err(Violation::Protocol("a reserved bit is set"));
        }
        if second & 0x80 == 0 {
            return Err(Violation::Protocol("a frame is not masked"));
        }
        let (length, mask) = match (second & 0x7f, extended) {
            (126, [a, b, mask @ ..]) => (u64::from(u16::from_be_bytes([*a, *b])), mask),
            (127, [a, b, c, d, e, f, g, h, mask @ ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), mask),
            (126 | 127, _) => return Ok(None),
            (short, mask) => (u64::from(short), mask),
        };
        let &[a, b, c, d] = mask else { return Ok(None) };
        let is_minimal = match second & 0x7f {
            126 => length > 125,
            127 => length > 0xffff && length >> 63 == 0,
            _ => true,
        };
        if !is_minimal {
            return Err(Violation::Protocol(
                "a frame's length is not written in its shortest form",
            ));
        }
        if is_control && (!is_final || length > CONTROL_BYTES_MAX) {
            return Err(Violation::Protocol("a control frame is fragmented or too long"));
        }
        if length > self.bytes_max as u64 {
            return Err(Violation::TooLarge);
        }
        let kind = match (opcode, self.incomplete) {
            (0, Some(kind)) => kind,
            (1, None) => Kind::Text,
            (2, None) => Kind::Binary,
            (8..=10, _) => Kind::Binary,
            (0, None) => return Err(Violation::Protocol("a continuation frame without a message")),
            (1 | 2, Some(_)) => return Err(Violation::Protocol("a message starts within another")),
            _ => return Err(Violation::Protocol("a frame's opcode is reserved")),
        };
        if !is_control {
            self.incomplete = Some(kind).filter(|_| !is_final);
        }
        let frame = match (opcode, kind) {
            (8, _) => Frame::Close(Vec::new()),
            (_, Kind::Text) => Frame::Text { is_last: is_final },
            (_, Kind::Binary) => Frame::Opaque,
        };
        if length == 0 {
            return self.end(frame).map(Some);
        }
        let mask = Mask {
            key: [a, b, c, d],
            at: 0,
        };
        Ok(Some(At::Payload {
            frame,
            left: length,
            mask,
        }))
    }

    fn payload<'a>(
        &mut self,
        mut frame: Frame,
        mut left: u64,
        mut mask: Mask,
        chunk: &'a [u8],
        passed: &mut BytesMut,
    ) -> (&'a [u8], Result<At, Violation>) {
        let here = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let (part, rest) = chunk.split_at(here);
        match &mut frame {
            Frame::Text { .. } => {
                if !self.text.push(&mask.unmask(part)) {
                    return (rest, Err(Violation::Utf8));
                }
            }
            Frame::Close(payload) => payload.extend_from_slice(&mask.unmask(part)),
            Frame::Opaque => {}
        }
        left -= here as u64;
        let at = if left > 0 {
            Ok(At::Payload { frame, left, mask })
        } else {
            self.end(frame)
        };
        if at.is_ok() {
            passed.extend_from_slice(part);
        }
        (rest, at)
    }

    /// The position after a complete frame.
    fn end(&mut self, frame: Frame) -> Result<At, Violation> {
        match frame {
            Frame::Text { is_last: true } if !self.text.finish() => Err(Violation::Utf8),
            Frame::Text { .. } | Frame::Opaque => Ok(At::Header(BytesMut::new())),
            Frame::Close(payload) => check_close(&payload).map(|()| At::End),
        }
    }
}

/// Checks the payload of a close frame (sections 5.5.1 and 7.4).
fn check_close(payload: &[u8]) -> Result<(), Violation> {
    let (code, reason) = match payload {
        [] => return Ok(()),
        [_] => return Err(Violation::Protocol("a close code has one byte")),
        [a, b, reason @ ..] => (u16::from_be_bytes([*a, *b]), reason),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(Violation::Protocol("a close code is reserved"));
    }
    std::str::from_utf8(reason).map(drop).map_err(|_| Violation::Utf8)
}

impl<S: Stream<Item = Result<Bytes, PayloadError>> + Unpin> Stream for FrameRules<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if self.violated.get().is_some() {
                return Poll::Ready(None);
            }
            let chunk = std::task::ready!(Pin::new(&mut self.stream).poll_next(cx));
            match chunk {
                Some(Ok(chunk)) => {
                    let passed = self.pass(&chunk);
                    if !passed.is_empty() {
                        return Poll::Ready(Some(Ok(passed)));
                    }
                }
                Some(Err(_)) | None => return Poll::Ready(None),
            }
        }
    }
}

#[cfg(test)]
mod tests;
